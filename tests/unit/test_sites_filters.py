"""One entry per site, translated into the variables of five roles."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.dns import dns_mistakes
from ansible_collections.foobar.webstack.plugins.filter.gunicorn import gunicorn_release_files
from ansible_collections.foobar.webstack.plugins.filter.nginx import nginx_mistakes
from ansible_collections.foobar.webstack.plugins.filter.sites import (
    app_deploy_apps,
    app_deploy_passwords,
    dns_records_zones,
    gunicorn_apps,
    mysql_databases,
    mysql_users,
    nginx_sites,
    nginx_sites_kept,
    nginx_upstreams,
    nginx_upstreams_kept,
    of_version,
    sites_mistakes,
    with_tls,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_names import zone_mistakes

PROVIDER = {"class": "octodns_bind.Rfc2136Provider"}
SITE: dict[str, Any] = {
    "domain": "foobar.com",
    "addresses": ["8.8.8.8"],
    "app": "shop",
    "repo": "https://git.example.com/shop.git",
    "wsgi_app": "shop:app",
    "health_path": "/health",
}
FULL = {
    **SITE,
    "aliases": ["www.foobar.com"],
    "addresses": ["8.8.8.8", "2001:db8::8", "8.8.4.4"],
    "zone": "foobar.com",
    "records": [{"record": "", "type": "MX", "value": ["10 mx.example.com"]}],
    "version": "v1",
    "packages": ["libpq5"],
    "build_commands": ["make"],
    "migrate_command": "flask db upgrade",
    "static": {"/static/": "public", "/media/": "media"},
    "shared_paths": ["media"],
    "environment": {"SECRET_KEY": "canary"},
    "database": {"name": "shop_db", "user": "shop_user", "password": "canary"},
    "gunicorn": {"workers": 3},
    "nginx": {"proxy_cache": True},
}


def test_a_small_entry_is_enough() -> None:
    (app,) = gunicorn_apps([SITE])
    assert app == {
        "name": "shop",
        "wsgi_app": "shop:app",
        "releases_path": "/srv/shop/releases",
        "after": ["mysql.service"],
        "writable_paths": [],
    }
    (site,) = nginx_sites([SITE], [])
    assert site == {
        "server_name": "foobar.com",
        "redirect_from": [],
        "locations": [{"path": "/", "proxy_pass": "http://shop"}],
    }
    assert mysql_databases([SITE]) == mysql_users([SITE]) == []
    (zone,) = dns_records_zones([SITE], PROVIDER, [], [])
    assert zone["zone"] == "foobar.com"
    assert zone["records"] == [{"record": "foobar.com", "type": "A", "value": ["8.8.8.8"]}]


def test_an_application_in_a_folder_of_its_source_is_built_and_run_there() -> None:
    site = {**SITE, "subdirectory": "backend"}
    assert app_deploy_apps([site], [])[0]["subdirectory"] == "backend"
    assert gunicorn_apps([site])[0]["chdir"] == "backend"


def test_two_sites_stay_apart() -> None:
    other = {**FULL, "domain": "shop.example", "aliases": [], "app": "other"}
    assert [app["name"] for app in gunicorn_apps([SITE, other])] == ["shop", "other"]
    served = nginx_sites([SITE, other], ["localhost"])
    assert [site["server_name"] for site in served] == ["foobar.com", "shop.example"]
    assert [site.get("preview_names") for site in served] == [["localhost"], None]
    assert [upstream["name"] for upstream in nginx_upstreams([SITE, other])] == ["shop", "other"]
    services = [app["service"] for app in app_deploy_apps([SITE, other], ["db01"])]
    assert services == ["gunicorn-shop", "gunicorn-other"]


def test_a_release_knows_its_source_and_its_commands() -> None:
    (app,) = app_deploy_apps([FULL], ["db01"])
    for key in ("repo", "version", "packages", "build_commands", "migrate_command", "shared_paths", "health_path"):
        assert app[key] == FULL[key]
    assert "directory" not in app
    # The other one is the application's to fill.
    assert app["static_paths"] == ["public"]
    assert app["health_headers"] == {"Host": "foobar.com", "X-Forwarded-Proto": "http"}
    assert app["fallback_requirements"] == ["gunicorn==27.0.1"]


def test_secrets_go_where_they_are_used_and_nowhere_else() -> None:
    assert gunicorn_apps([FULL])[0]["environment"] == {"SECRET_KEY": "canary"}
    assert gunicorn_apps([FULL], [{}])[0]["environment"] == {"SECRET_KEY": "canary"}
    assert mysql_users([FULL])[0]["password"] == "canary"
    others = [
        app_deploy_apps([FULL], ["db01"]),
        nginx_sites([FULL], []),
        nginx_upstreams([FULL]),
        mysql_databases([FULL]),
        dns_records_zones([FULL], PROVIDER, [], []),
    ]
    assert "canary" not in str(others)


def test_what_an_entry_says_of_a_variable_wins_over_its_file() -> None:
    told = {"SECRET_KEY": "of the file", "MAIL": "of the file"}
    (app,) = gunicorn_apps([FULL], [told])
    assert app["environment"] == {"SECRET_KEY": "canary", "MAIL": "of the file"}
    without = {key: value for key, value in FULL.items() if key != "environment"}
    assert gunicorn_apps([without], [told])[0]["environment"] == told
    assert "environment" not in gunicorn_apps([without], [{}])[0]


def test_a_release_runs_with_its_own_settings_and_knows_those_that_older_ones_share() -> None:
    (app,) = app_deploy_apps([SITE], ["db01"])
    own = [file["dest"] for file in gunicorn_release_files(gunicorn_apps([SITE]), {})]
    assert app["environment_file"] in own
    assert f"/etc/systemd/system/{app['service']}@%i.service" in own
    # What version 0.1.0 has written, and no file of another app.
    for path in (
        "/etc/gunicorn/shop.conf.py",
        "/etc/gunicorn/shop.env",
        "/etc/systemd/system/gunicorn-shop@.service",
        "/etc/systemd/system/gunicorn-shop@.socket",
        "/etc/systemd/system/shop-mailer-1@.service",
        "/etc/systemd/system/shop-purge@.timer",
        "/etc/systemd/system/shop@.target",
    ):
        assert [pattern for pattern in app["shared_settings"] if fnmatchcase(path, pattern)], path
    for path in (*own, "/etc/gunicorn/shop2.env", "/etc/systemd/system/gunicorn-shop2@.service"):
        shown = path.replace("%i", "01234567-89abcdef")
        assert not [pattern for pattern in app["shared_settings"] if fnmatchcase(shown, pattern)], path


def test_kept_releases_are_told_the_password_of_their_database() -> None:
    assert app_deploy_passwords([FULL, SITE]) == {"shop": {"database": "canary"}}
    numeric = {**FULL, "database": {**FULL["database"], "password": 12345}}
    assert app_deploy_passwords([numeric]) == {"shop": {"database": "12345"}}


def test_a_version_from_the_command_line_is_that_of_every_repository_and_of_nothing_else() -> None:
    apps = [{"name": "shop", "repo": "x", "version": "v1"}, {"name": "blog", "directory": "y"}]
    assert of_version(apps, "v2") == [apps[0] | {"version": "v2"}, apps[1]]
    assert of_version(apps, "") == apps


def test_uploads_can_be_written_to_in_the_sandbox() -> None:
    assert gunicorn_apps([FULL])[0]["writable_paths"] == ["-/srv/shop/shared/media"]


def test_a_site_can_set_any_key_of_its_roles() -> None:
    site = {**FULL, "app_deploy": {"python": "/usr/bin/python3.13"}}
    assert app_deploy_apps([site], ["db01"])[0]["python"] == "/usr/bin/python3.13"


def test_nginx_serves_static_files_before_it_passes_on() -> None:
    (site,) = nginx_sites([FULL], [])
    assert site["locations"] == [
        {
            "path": "/static/",
            "alias": "/srv/shop/current/public/",
            "fallback": "/srv/shop/previous/public/",
            "single_page": True,
        },
        {"path": "/media/", "alias": "/srv/shop/shared/media/", "user": "shop"},
        {"path": "/", "proxy_pass": "http://shop"},
    ]
    assert site["redirect_from"] == ["www.foobar.com"]
    assert site["proxy_cache"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"static": {}},
        {"domain": "shop.example"},
        {"app": "shop2"},
        {"nginx": {"locations": [{"path": "/", "return": "410"}]}},
        {"domain": "shop.example", "nginx": {"locations": [{"path": "/", "return": "410"}]}},
    ],
)
def test_nginx_serves_a_site_whose_release_has_failed_as_it_did_before(changes: dict[str, Any]) -> None:
    other = {**SITE, "domain": "other.example", "app": "other"}
    before, after = [FULL, other], [{**FULL, **changes}, {**other, "aliases": ["www.other.example"]}]
    served = {"sites": nginx_sites(before, []), "upstreams": nginx_upstreams(before)}
    failed, applied = [after[0]["app"]], json.dumps(served)
    kept = nginx_sites_kept(nginx_sites(after, []), after, failed, applied)
    assert kept == [served["sites"][0], nginx_sites(after, [])[1]]
    upstreams = nginx_upstreams_kept(nginx_upstreams(after), kept, failed, applied)
    assert upstreams == served["upstreams"]


def test_a_renamed_site_whose_release_has_failed_is_not_taken_for_one_that_passes_to_its_app_too() -> None:
    first = {**SITE, "domain": "first.example", "app": "first"}
    first["nginx"] = {
        "locations": [{"path": "/", "proxy_pass": "http://first"}, {"path": "/api/", "proxy_pass": "http://shop"}]
    }
    before, after = [first, SITE], [first, {**SITE, "domain": "renamed.example"}]
    applied = json.dumps({"sites": nginx_sites(before, []), "upstreams": nginx_upstreams(before)})
    kept = nginx_sites_kept(nginx_sites(after, []), after, ["shop"], applied)
    assert [site["server_name"] for site in kept] == ["first.example", "foobar.com"]


def test_nginx_serves_what_was_asked_for_where_no_release_has_failed_or_there_was_nothing_before() -> None:
    wanted = nginx_sites([FULL], [])
    assert (
        nginx_sites_kept(wanted, [FULL], [], json.dumps({"sites": nginx_sites([SITE], []), "upstreams": []})) == wanted
    )
    assert nginx_sites_kept(wanted, [FULL], ["shop"], "") == wanted
    assert nginx_upstreams_kept(nginx_upstreams([FULL]), wanted, ["shop"], "") == nginx_upstreams([FULL])


def test_nginx_tries_the_one_socket_twice_and_never_counts_it_as_down() -> None:
    (upstream,) = nginx_upstreams([FULL])
    assert upstream["servers"] == [{"address": "unix:/srv/shop/current/gunicorn.sock", "max_fails": 0}] * 2


def test_a_database_belongs_to_one_user() -> None:
    assert mysql_databases([FULL]) == [{"name": "shop_db"}]
    assert mysql_users([FULL]) == [{"name": "shop_user", "password": "canary", "priv": "shop_db.*:ALL"}]


def test_further_keys_are_added_to_what_follows_from_the_entry() -> None:
    site = {**SITE, "shared_paths": ["uploads"], "background": []}
    keys = {"after": ["redis.service"], "writable_paths": ["/var/lib/shop"], "workers": 3}
    (app,) = gunicorn_apps([{**site, "gunicorn": keys}])
    assert app["after"] == ["mysql.service", "redis.service"]
    assert app["writable_paths"] == ["-/srv/shop/shared/uploads", "/var/lib/shop"]
    assert app["workers"] == 3
    (deployed,) = app_deploy_apps([{**site, "app_deploy": {"settings_files": ["/etc/shop"]}}], [])
    assert deployed["settings_files"] == ["/etc/shop"]
    # An empty list makes no target.
    files = gunicorn_release_files(gunicorn_apps([site]), {})
    assert not [file for file in files if file["dest"].endswith(".target")]


def test_further_keys_that_follow_from_the_entry_are_refused() -> None:
    assert sites_mistakes([{**SITE, "gunicorn": {"workers": 3}, "app_deploy": {"python": "3.12"}}]) == []
    (sentence,) = sites_mistakes([{**SITE, "gunicorn": {"background": []}}])
    assert sentence.startswith(f"sites: background of gunicorn of {SITE['domain']} follows from the entry")
    for key in ("build_environment", "shared_settings", "environment_file"):
        (sentence,) = sites_mistakes([{**SITE, "app_deploy": {key: []}}])
        assert sentence.startswith(f"sites: {key} of app_deploy of {SITE['domain']} follows from the entry")


def test_an_alias_that_is_the_zone_itself_gets_the_addresses() -> None:
    site = {"domain": "www.foobar.com", "aliases": ["foobar.com", "shop.foobar.com"], "zone": "foobar.com"}
    (zone,) = dns_records_zones([{**site, "addresses": ["192.0.2.1"]}], PROVIDER, [], [])
    assert zone["records"] == [
        {"record": "www.foobar.com", "type": "A", "value": ["192.0.2.1"]},
        {"record": "foobar.com", "type": "A", "value": ["192.0.2.1"]},
        {"record": "shop.foobar.com", "type": "CNAME", "value": ["www.foobar.com."]},
    ]


SEVERAL = {
    **SITE,
    "domain": "example.de",
    "server_names": ["example.fr", "www.example.fr", "*.example.de", "shop.example.co.uk"],
    "aliases": ["www.example.de", "www.example.org"],
    "zones": ["example.co.uk"],
    "addresses": ["8.8.8.8"],
}


def test_several_names_are_answered_and_others_redirect_to_the_domain() -> None:
    (site,) = nginx_sites([SEVERAL], [])
    assert site["server_name"] == "example.de example.fr www.example.fr *.example.de shop.example.co.uk"
    assert site["redirect_from"] == ["www.example.de", "www.example.org"]
    (app,) = app_deploy_apps([SEVERAL], [])
    assert app["health_headers"]["Host"] == "example.de"


def test_each_name_has_its_record_in_its_own_zone() -> None:
    zones = {zone["zone"]: zone["records"] for zone in dns_records_zones([SEVERAL], PROVIDER, [], [])}
    address = {"type": "A", "value": ["8.8.8.8"]}
    domain = {"type": "CNAME", "value": ["example.de."]}
    assert zones == {
        "example.de": [
            {"record": "example.de", **address},
            {"record": "*.example.de", **domain},
            {"record": "www.example.de", **domain},
        ],
        "example.fr": [{"record": "example.fr", **address}, {"record": "www.example.fr", **domain}],
        "example.co.uk": [{"record": "shop.example.co.uk", **domain}],
        "example.org": [{"record": "www.example.org", **domain}],
    }
    assert dns_mistakes(dns_records_zones([SEVERAL], PROVIDER, [], []), 0) == []


def test_the_records_and_the_ca_of_a_site_are_in_the_zones_that_they_are_for() -> None:
    site = {**SEVERAL, "records": [{"record": "", "type": "MX", "value": ["10 mx.example.com"]}], "tls": {"caa": True}}
    found = dns_records_zones(with_tls([site], {}), PROVIDER, [], [], "letsencrypt.org")
    kinds = {zone["zone"]: [one["record"] for one in zone["records"] if one["type"] in ("CAA", "MX")] for zone in found}
    assert kinds == {
        "example.de": ["", "example.de"],
        "example.fr": ["example.fr"],
        "example.co.uk": [],
        "example.org": [],
    }


def test_a_name_whose_zone_nobody_knows_is_named() -> None:
    assert list(zone_mistakes([SEVERAL, FULL])) == []
    (sentence,) = zone_mistakes([{**SITE, "server_names": ["shop.example.co.uk"]}])
    assert sentence == (
        "sites: shop.example.co.uk of foobar.com is not in foobar.com; write its zone into zones, or take it out."
    )


FRONTEND = {**SITE, "static": {"/": "frontend/dist/"}, "app_paths": ["/api/", "/admin/"], "streaming_paths": ["/ws/"]}


def test_an_application_in_the_browser_leaves_the_other_its_own_paths() -> None:
    (site,) = nginx_sites([FRONTEND], [])
    page, *others = site["locations"]
    assert page == {
        "path": "/",
        "alias": "/srv/shop/current/frontend/dist/",
        "fallback": "/srv/shop/previous/frontend/dist/",
        "single_page": True,
    }
    passed = {"proxy_pass": "http://shop"}
    assert others == [
        {"path": "/ws/", **passed, "streaming": True},
        {"path": "/api/", **passed},
        {"path": "/admin/", **passed},
    ]
    (all_,) = nginx_sites([{**SITE, "streaming_paths": ["/"]}], [])
    assert all_["locations"] == [{"path": "/", **passed, "streaming": True}]


def test_what_an_application_keeps_is_read_as_its_user() -> None:
    site = {**FULL, "shared_paths": ["media", "data"], "internal": {"/protected/": "data/private"}}
    (served,) = nginx_sites([site], [])
    assert {"path": "/media/", "alias": "/srv/shop/shared/media/", "user": "shop"} in served["locations"]
    private = {"path": "/protected/", "alias": "/srv/shop/shared/data/private/", "user": "shop", "internal": True}
    assert private in served["locations"]


def test_what_an_application_keeps_is_read_as_its_user_where_locations_are_written_by_hand() -> None:
    media = {"path": "/m/", "alias": "/srv/shop/shared/media/"}
    others: list[dict[str, Any]] = [
        {"path": "/s/", "alias": "/srv/shop/current/s/"},
        {"path": "~ ^/m/(.*)$", "alias": "/srv/shop/shared/media/$1"},
        {"path": "~ ^/n/", "alias": "/srv/shop/shared/n/"},
        {"path": "/o/", "alias": "/srv/shop/shared/o/", "user": "other"},
        {"path": "/p/", "alias": "/srv/shop/shared/o/", "fallback": "/srv/old/"},
    ]
    (served,) = nginx_sites([{**SITE, "nginx": {"locations": [media, *others]}}], [])
    assert served["locations"] == [{**media, "user": "shop"}, *others]


def test_what_nginx_would_be_told_of_paths_passes_what_it_is_asked_about() -> None:
    usual: list[Any] = [["80"], {}, {}]
    for site in (FRONTEND, FULL, {**FULL, "internal": {"/p/": "media"}}, {**SITE, "streaming_paths": ["/", "/ws/"]}):
        told: list[Any] = [nginx_sites([site], []), nginx_upstreams([site]), *usual]
        assert nginx_mistakes(*told) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"static": {"/": "dist"}}, "static of foobar.com has /, so nothing is left for the application: name what is"),
        ({"app_paths": ["/api/"]}, "app_paths of foobar.com needs / in static"),
        ({"static": {"/": "dist"}, "app_paths": ["/", "/api/"]}, "the path / of foobar.com stands in two of"),
        ({"static": {"/static": "dist"}}, "static of foobar.com has the path /static, which must begin and end with a"),
        ({"static": {"static/": "dist"}}, "has the path static/, which must begin and end with a slash"),
        ({"streaming_paths": ["ws"]}, "streaming_paths of foobar.com has the path ws, which must begin with a slash"),
        ({"streaming_paths": ["/w s"]}, "which must begin with a slash and have no spaces"),
        (
            {"internal": {"/": "media"}, "shared_paths": ["media"]},
            "has /, which is the application's",
        ),
        ({"internal": {"/p/": "private"}}, "internal of foobar.com has /p/: private, which is not in its shared_paths"),
        ({"internal": {"/p/": "mediathek"}, "shared_paths": ["media"]}, "has /p/: mediathek, which is not in its"),
        (
            {"internal": {"/a/": "m"}, "static": {"/a/": "s"}, "shared_paths": ["m"]},
            "the path /a/ of foobar.com stands",
        ),
        ({"static": {"/a/": "s"}, "streaming_paths": ["/a/"]}, "the path /a/ of foobar.com stands in two of static,"),
        (
            {"streaming_paths": ["/a/"], "nginx": {"locations": []}},
            "locations of nginx of foobar.com would take the place of its streaming_paths",
        ),
    ],
)
def test_a_mistake_in_a_path_of_a_site_is_named(keys: dict[str, Any], words: str) -> None:
    (sentence,) = sites_mistakes([{**SITE, **keys}])
    assert words in sentence


def test_a_sandbox_s_key_that_the_other_server_s_block_has_alone_is_no_key_that_is_lost_in_silence() -> None:
    gunicorn = {"network": True, "writable_paths": ["/x"], "workers": 4}
    assert sites_mistakes([{**SITE, "server": "uwsgi", "gunicorn": gunicorn, "uwsgi": {"network": True}}]) == [
        "sites: writable_paths of gunicorn of foobar.com counts for nothing, as its server is uwsgi: write it into "
        "uwsgi, too, or take it out."
    ]
    (sentence,) = sites_mistakes([{**SITE, "uwsgi": {"ip_address_allow": ["192.0.2.1"], "processes": 2}}])
    assert "ip_address_allow of uwsgi of foobar.com counts for nothing, as its server is gunicorn" in sentence


def test_addresses_become_records_of_their_kind_and_aliases_lead_to_the_domain() -> None:
    (zone,) = dns_records_zones([FULL], PROVIDER, ["192.0.2.53"], [])
    assert zone == {
        "zone": "foobar.com",
        "provider": PROVIDER,
        "nameservers": ["192.0.2.53"],
        "records": [
            {"record": "foobar.com", "type": "A", "value": ["8.8.8.8", "8.8.4.4"]},
            {"record": "foobar.com", "type": "AAAA", "value": ["2001:db8::8"]},
            {"record": "www.foobar.com", "type": "CNAME", "value": ["foobar.com."]},
            {"record": "", "type": "MX", "value": ["10 mx.example.com"]},
        ],
    }


def test_a_site_without_addresses_leads_to_the_web_servers() -> None:
    site = {key: value for key, value in SITE.items() if key != "addresses"}
    (zone,) = dns_records_zones([site], PROVIDER, [], ["192.0.2.1"])
    assert zone["records"][0] == {"record": "foobar.com", "type": "A", "value": ["192.0.2.1"]}


def test_a_site_below_its_zone_keeps_its_full_name() -> None:
    (zone,) = dns_records_zones([{**SITE, "domain": "shop.foobar.com", "zone": "foobar.com"}], PROVIDER, [], [])
    assert (zone["zone"], zone["records"][0]["record"]) == ("foobar.com", "shop.foobar.com")


@pytest.mark.parametrize("address", ["8.8.8", "web01", ""])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ValueError, match=f"'{address}' does not appear to be an IPv4 or IPv6 address"):
        dns_records_zones([{**SITE, "addresses": [address]}], PROVIDER, [], [])

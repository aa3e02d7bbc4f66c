"""What an entry says about HTTPS, and what its certificate, nginx, DNS and the health check are told of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.sites import (
    app_deploy_applied,
    app_deploy_apps,
    dns_records_zones,
    nginx_sites,
    tls_certificates,
)
from ansible_collections.foobar.webstack.plugins.filter.tls import tls_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.input_checks import input_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_tls import (
    LETS_ENCRYPT,
    STAGING,
    caa_issuer,
    served_at,
    with_tls,
)

from tests.playbook import ROOT

SPEC = yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text())
SITE: dict[str, Any] = {
    "domain": "foobar.com",
    "aliases": ["www.foobar.com"],
    "app": "shop",
    "directory": "shop",
    "wsgi_app": "shop:app",
    "health_path": "/health",
}
ELSEWHERE = "https://acme.example.net/directory"


def of(tls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the site with what it says about its certificate, complete."""
    (site,) = with_tls([{**SITE, "tls": tls, **more}], {})
    return site


def test_a_site_that_says_nothing_gets_a_certificate_for_all_its_names() -> None:
    (site,) = with_tls([SITE], {})
    (certificate,) = tls_certificates([site])
    assert certificate == {
        "name": "foobar.com",
        "domains": ["foobar.com", "www.foobar.com"],
        "provider": "acme",
    }
    (served,) = nginx_sites([site], [])
    assert served["ssl_certificate"] == "/etc/ssl/sites/foobar.com.pem"
    assert served["ssl_trusted_file"] == "/etc/ssl/sites/$host.trusted"
    assert served["hsts_max_age"] == 31536000
    assert "hsts_include_subdomains" not in served


def test_a_wildcard_that_is_answered_is_in_the_certificate_and_looked_at() -> None:
    names = ["foobar.com", "example.fr", "*.foobar.com", "www.foobar.com"]
    (certificate,) = tls_certificates([of({}, server_names=["example.fr", "*.foobar.com"])])
    assert certificate["domains"] == certificate["served"] == names
    acme = {"acme_directory": LETS_ENCRYPT, "challenge": "http-01", "acme_eab_kid": "", "acme_eab_hmac_key": ""}
    (sentence,) = tls_mistakes([certificate], acme | {"nameservers": [], "webroot": "/var/lib/tls/webroot"}, {})
    wanted = "tls_certificates: foobar.com has the wildcard *.foobar.com, for which tls_challenge must be dns-01."
    assert sentence == wanted


def test_a_name_belongs_to_one_site_and_a_wildcard_gives_way_to_a_full_name() -> None:
    tenants = {**SITE, "server_names": ["*.foobar.com"]}
    one = {**SITE, "domain": "one.foobar.com", "aliases": [], "app": "one"}
    assert input_mistakes([tenants, one], SPEC, {}) == []
    wanted = "sites: foobar.com stands there more than once; give each name to one site, once."
    assert input_mistakes([{**tenants, "server_names": ["foobar.com"]}], SPEC, {}) == [wanted]
    assert input_mistakes([SITE, {**one, "server_names": ["foobar.com"]}], SPEC, {}) == [wanted]


def test_what_is_said_for_all_sites_holds_where_a_site_says_nothing_else() -> None:
    default = {"provider": "none", "hsts_max_age": 300}
    first, second = with_tls([SITE, {**SITE, "tls": {"provider": "self_signed"}}], default)
    assert first["tls"] == default
    assert second["tls"] == {"provider": "self_signed", "hsts_max_age": 300}


def test_what_is_said_of_orders_is_nothing_to_a_site_that_orders_none() -> None:
    default = {"staging": True, "profile": "shortlived", "caa": True}
    (site,) = with_tls([{**SITE, "tls": {"provider": "none"}}], default)
    assert site["tls"] == {"provider": "none"}
    (site,) = with_tls([SITE], {**default, "provider": "self_signed"})
    assert site["tls"] == {"provider": "self_signed"}


def test_a_site_without_a_certificate_is_served_over_http_alone() -> None:
    site = of({"provider": "none"})
    assert tls_certificates([site]) == []
    assert not [key for key in nginx_sites([site], [])[0] if key.startswith(("ssl_", "hsts_"))]


def test_staging_is_another_ca_of_the_same_site() -> None:
    (certificate,) = tls_certificates([of({"staging": True})])
    assert certificate["acme_directory"] == STAGING


def test_a_certificate_of_ones_own_and_further_names_are_handed_on() -> None:
    (certificate,) = tls_certificates([of({"provider": "files", "certificate": "c", "private_key": "k"})])
    assert (certificate["certificate"], certificate["private_key"]) == ("c", "k")
    (certificate,) = tls_certificates([of({"names": ["*.foobar.com", "www.foobar.com"]})])
    assert certificate["domains"] == ["foobar.com", "www.foobar.com", "*.foobar.com"]
    assert certificate["served"] == ["foobar.com", "www.foobar.com"]


@pytest.mark.parametrize(
    ("site", "scheme"),
    [
        (of({}), "https"),
        (of({"provider": "self_signed"}), "https"),
        (of({"provider": "none"}), "http"),
        (of({"provider": "none"}, trusted_proxies=["192.0.2.1"]), "https"),
    ],
)
def test_the_health_page_is_asked_for_as_visitors_ask(site: dict[str, Any], scheme: str) -> None:
    (app,) = app_deploy_apps([site], [])
    assert app["health_headers"] == {"Host": "foobar.com", "X-Forwarded-Proto": scheme}


def test_proxies_in_front_are_nginx_s_to_know() -> None:
    (served,) = nginx_sites([of({"provider": "none"}, trusted_proxies=["192.0.2.1"])], [])
    assert served["trusted_proxies"] == ["192.0.2.1"]


def test_no_private_key_goes_into_what_a_server_remembers_of_an_entry() -> None:
    def applied(key: str) -> dict[str, str]:
        return app_deploy_applied([{**SITE, "tls": {"provider": "files", "private_key": key}}])["shop"]

    assert applied("one") == applied("two")


def test_dns_names_the_one_ca_where_that_is_asked_for() -> None:
    def values(site: dict[str, Any], issuer: str) -> list[dict[str, Any]]:
        (zone,) = dns_records_zones([site], {}, [], ["192.0.2.1"], issuer)
        return [record for record in zone["records"] if record["type"] == "CAA"]

    assert values(of({}), "letsencrypt.org") == values(of({"provider": "none", "caa": True}), "letsencrypt.org") == []
    (record,) = values(of({"caa": True}), "letsencrypt.org")
    assert record == {
        "record": "foobar.com",
        "type": "CAA",
        "value": ['0 issue "letsencrypt.org"'],
        "merge": True,
    }


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        (["443 ssl", "[::]:443 ssl"], "127.0.0.1:443"),
        (["[::]:8443 ssl"], "[::1]:8443"),
        (["192.0.2.1:443 ssl"], "192.0.2.1:443"),
        (["443 ssl proxy_protocol"], ""),
    ],
)
def test_a_server_looks_at_its_certificates_where_nginx_listens(listen: list[str], place: str) -> None:
    assert served_at(listen) == place


@pytest.mark.parametrize(
    ("directory", "issuer"),
    [
        ("", "letsencrypt.org"),
        (STAGING, "letsencrypt.org"),
        ("https://acme.zerossl.com/v2/DV90", "sectigo.com"),
        ("https://dv.acme-v02.api.pki.goog/directory", "pki.goog"),
        (ELSEWHERE, ""),
    ],
)
def test_a_ca_is_known_to_caa_records_by_a_name_of_its_own(directory: str, issuer: str) -> None:
    assert caa_issuer(directory) == issuer


@pytest.mark.parametrize(
    ("changes", "given", "sentence"),
    [
        ({"tls": {"provider": "letsencrypt"}}, {}, "provider of tls of foobar.com must be one of acme"),
        ({"tls": {"certificat": "x"}}, {}, "tls of foobar.com has the unknown key certificat: did"),
        ({"tls": {"names": ["shop.example"]}}, {}, "has shop.example, which is not in the zone foobar.com"),
        ({"tls": {"names": ["a.foobar.com"]}}, {}, "a.foobar.com, at which a CA finds nobody; make it an alias."),
        ({"aliases": ["foobar.com"]}, {}, "foobar.com stands there more than once"),
        ({"domain": "müller.example"}, {}, "müller.example is xn--mller-kva.example"),
        ({"tls": {"staging": True}}, {"tls_acme_directory": ELSEWHERE}, "staging in tls of foobar.com is Let's"),
        ({"tls": {"staging": True, "provider": "self_signed"}}, {}, "staging in tls of foobar.com is Let's"),
        ({"tls": {"caa": True}}, {"tls_acme_directory": ELSEWHERE}, f"needs to know how {ELSEWHERE} calls itself"),
        ({"nginx": {"ssl_certificate": "/x.pem"}}, {}, "ssl_certificate of nginx of foobar.com follows from its tls"),
        (
            {"nginx": {"listen": ["443 ssl"], "options": {"ssl_certificate": "/x.pem"}}},
            {},
            "ssl_certificate of nginx of foobar.com follows from its tls",
        ),
        ({}, {"default_tls": {"privider": "none"}}, "default_tls: it has the unknown key privider"),
        ({}, {"default_tls": ["none"]}, "default_tls"),
        ({}, {"default_tls": {"names": ["*.foobar.com"]}}, "default_tls: names is one site's"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changes: dict[str, Any], given: dict[str, Any], sentence: str) -> None:
    found = input_mistakes([{**SITE, **changes}], SPEC, given)
    assert len(found) == 1
    assert sentence in found[0]


@pytest.mark.parametrize(
    ("changes", "given"),
    [
        ({}, {"default_tls": {"provider": "none"}}),
        ({"tls": {"staging": True}}, {}),
        ({"tls": {"caa": True}}, {"tls_acme_directory": ELSEWHERE, "caa_issuer": "example.net"}),
        ({"tls": {"names": ["*.foobar.com", "shop.foobar.com"]}}, {"tls_challenge": "dns-01"}),
        ({"tls": {"provider": "none"}, "nginx": {"ssl_certificate": "/x.pem"}}, {}),
    ],
)
def test_what_can_be_is_not_refused(changes: dict[str, Any], given: dict[str, Any]) -> None:
    assert input_mistakes([{**SITE, **changes}], SPEC, given) == []

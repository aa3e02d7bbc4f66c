"""The filters that find mistakes in the nginx role's variables, and conflicts with what a server has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.nginx import (
    nginx_conflicts,
    nginx_free_addresses,
    nginx_mistakes,
)

UPSTREAM = {"name": "shop", "servers": [{"address": "unix:/run/shop.sock"}]}
USUAL = {
    "upstreams": [UPSTREAM],
    "listen": ["80", "[::]:80"],
    "http_options": {},
    "proxy_headers": {"Host": "$host$visited_port", "X-Real-IP": "$remote_addr"},
}


def site(**keys: Any) -> dict[str, Any]:
    return {"server_name": "foobar.com", "locations": [{"path": "/", "proxy_pass": "http://shop"}], **keys}


def location(**keys: Any) -> dict[str, Any]:
    return {"sites": [site(locations=[{"path": "/", **keys}])]}


def upstream(**keys: Any) -> dict[str, Any]:
    return {"sites": [], "upstreams": [{**UPSTREAM, **keys}]}


def mistakes(**variables: Any) -> list[str]:
    """Return what is wrong with the usual variables and some changed ones."""
    return nginx_mistakes(**{**USUAL, "sites": [site()], **variables})


def test_sound_variables_pass() -> None:
    assert mistakes() == []
    assert mistakes(sites=[], upstreams=[]) == []
    for fine in ["http://localhost:8000", "http://192.0.2.1:80/x/", "http://unix:/run/a.sock:/", "https://$host"]:
        assert mistakes(**location(proxy_pass=fine)) == []
    for path, fine in [("/api/", "http://shop/v1/"), ("/api", "http://shop"), ("/api", "http://unix:/run/a.sock")]:
        assert mistakes(**location(path=path, proxy_pass=fine, proxy_set_header={"X-Real-IP": "1", "x-tag": "1"})) == []
    both = [site(listen=["80"]), site(listen=["443 ssl http2"])]
    assert mistakes(sites=both) == []
    for fine in ["192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "::1", "2001:db8::/32", "::ffff:192.0.2.1"]:
        assert mistakes(sites=[site(maintenance_allow=[fine])]) == []
    for fine in ["/static/", "^~ /static/"]:
        assert mistakes(sites=[site(locations=[{"path": fine, "alias": "/srv/a/", "fallback": "/srv/b/"}])]) == []
    assert mistakes(sites=[site(server_name="foobar.com *.foobar.com", listen=["[::1]:80", "443 ssl"])]) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"sites": [site(server_name="_")]}, "_ is no host name"),
        ({"sites": [site(server_name="http://foobar.com")]}, "http://foobar.com is no host name"),
        ({"sites": [site(redirect_from=["www foobar"])]}, "www foobar is no host name"),
        ({"sites": [site(server_name="*.foobar.com")]}, 'a full name, not "*.foobar.com".'),
        ({"sites": [site(server_name="")]}, 'a full name, not "".'),
        ({"sites": [site(), site()]}, "foobar.com stands there more than once for 80"),
        ({"sites": [site(), site(server_name="FOOBAR.com")]}, "foobar.com stands there more than once"),
        ({"sites": [site(server_name="münchen.de")]}, "write other letters than ASCII's as xn--"),
        ({"sites": [site(redirect_from=["foobar.com"])]}, "foobar.com stands there more than once"),
        ({"sites": [site(listen=["eighty"])]}, "eighty is neither a port nor address:port"),
        ({"listen": ["80 default_server"]}, "80 default_server is neither a port nor"),
        ({"listen": ["80 reuseport"]}, "80 reuseport is neither a port nor"),
        (location(), "location / of foobar.com needs one of"),
        (location(proxy_pass="http://shop", root="/srv"), "location / of foobar.com needs one of"),
        (location(path="/api", proxy_pass="http://shop/v1/"), "path of its proxy_pass must both end in a slash"),
        (location(path="/api/", proxy_pass="http://shop/v1"), "path of its proxy_pass must both end in a slash"),
        (location(proxy_pass="http://shop", proxy_set_header={"x-real-ip": "1"}), "write X-Real-IP"),
        (location(proxy_pass="http://shopp"), "passes to http://shopp, which is no entry of nginx_upstreams"),
        (location(proxy_pass="shop"), "passes to shop, which is no entry of nginx_upstreams"),
        (location(alias="/srv/static"), "must both end in a slash or neither"),
        *(
            ({"sites": [site(maintenance_allow=[none])]}, f"nginx_sites: {none} in maintenance_allow is neither")
            for none in ["office.example", "192.0.2", "192.0.2.0/", "cafe", "192.0.2.1; default"]
        ),
        ({"sites": [site(trusted_proxies=["proxy.example"])]}, "proxy.example in trusted_proxies is neither"),
        ({"sites": [site(preview_names=["foobar.com"])]}, "foobar.com stands there more than once"),
        ({"sites": [site(preview_names=["http://x"])]}, "http://x is no host name"),
        *(
            ({"sites": [site(maintenance_allow=[none])]}, f"nginx_sites: {none} in maintenance_allow is neither")
            for none in ["192.0.2.0/255.255.255.0", "192.0.2.0/33", "fe80::1%eth0"]
        ),
        (location(proxy_pass="http://shop", fallback="/srv/b/"), "only beside an alias that ends like it"),
        (location(alias="/srv/a/", fallback="/srv/b"), "only beside an alias that ends like it"),
        (location(alias="/srv/a/", fallback="/srv/b/", path="~ ^/a/(.*)"), "a path that is no regular expression"),
        (location(options={"proxy_set_header": "A b"}, **{"return": 204}), "use the location's own key"),
        ({"http_options": {"proxy_set_header": "A b"}}, "use the location's own key"),
        (upstream(name="a b"), "a b must be unique"),
        ({"upstreams": [UPSTREAM, UPSTREAM]}, "shop must be unique"),
        (upstream(servers=[]), "shop needs a server that is no backup"),
        (upstream(servers=[{"address": "a:1", "backup": True}]), "shop needs a server that is no backup"),
        (
            upstream(method="ip_hash", servers=[{"address": "a:1"}, {"address": "a:2", "backup": True}]),
            "shop can't have a backup with the method ip_hash",
        ),
        (upstream(servers=[{"address": "/run/shop.sock"}]), "/run/shop.sock in shop is neither unix:/path nor"),
    ],
)
def test_a_mistake_gets_a_sentence_that_names_it(variables: dict[str, Any], sentence: str) -> None:
    assert [mistake for mistake in mistakes(**variables) if sentence in mistake]


def test_all_that_is_wrong_with_a_location_is_said() -> None:
    where = "nginx_sites: location /a of foobar.com"
    wrong = {"path": "/a", "alias": "/srv/", "fallback": "/old", "proxy_pass": "http://shopp/"}
    assert mistakes(sites=[site(locations=[wrong])]) == [
        f"{where} needs one of proxy_pass, root, alias and return.",
        f"{where} and its alias must both end in a slash or neither.",
        f"{where} can have a fallback only beside an alias that ends like it, and under a path that is no regular "
        "expression.",
        f"{where} and the path of its proxy_pass must both end in a slash or neither.",
        f"{where} passes to http://shopp/, which is no entry of nginx_upstreams and no address; write http://<name>.",
    ]


def test_what_yaml_takes_for_a_number_is_read_as_a_text() -> None:
    assert mistakes(sites=[site(listen=[8080], redirect_from=[1])], upstreams=[{**UPSTREAM, "name": 1}, UPSTREAM]) == []
    assert "5 in maintenance_allow" in mistakes(sites=[site(maintenance_allow=[5])])[0]


def server(file: str = "/etc/nginx/sites-enabled/blog", *names: str, **keys: Any) -> dict[str, Any]:
    """Return a server as the module nginx_configuration describes it; it is nobody's but the user's."""
    return {
        "file": file,
        "names": list(names),
        "listen": ["80"],
        "kept": False,
        "ours": False,
        "packaged": False,
    } | keys


def conflicts(*servers: dict[str, Any], include: bool = False, take_over: bool = False, **keys: Any) -> list[str]:
    return nginx_conflicts(list(servers), "web01", [site(**keys)], ["80", "[::]:80"], include, take_over)


def test_sites_that_would_end_are_named_with_both_ways_out() -> None:
    lost = [server("/a", "a.example", "www.a.example"), server("/b"), server("/a", "a.example")]
    (sentence,) = conflicts(*lost)
    assert sentence.startswith(
        "nginx on web01 has sites that this role did not write and would no longer serve: "
        "/a (a.example, www.a.example), /b (without a server_name). "
    )
    assert "nginx_include_existing: true" in sentence
    assert "nginx_take_over: true" in sentence
    assert conflicts(*lost, take_over=True) == []


def test_servers_of_packages_of_the_role_and_of_kept_files_do_not_end() -> None:
    assert conflicts(server(packaged=True), server(ours=True), server(kept=True)) == []


def test_what_can_not_be_kept_is_named_with_the_way_to_keep_it() -> None:
    (sentence,) = conflicts(server("/etc/nginx/nginx.conf", "a.example"), server(kept=True), include=True)
    assert "these sites of web01 are elsewhere: /etc/nginx/nginx.conf (a.example). Move them" in sentence


@pytest.mark.parametrize(
    ("kept", "keys", "clash"),
    [
        (server("/a", "FOOBAR.com"), {}, "foobar.com is also in /a, for the same port 80"),
        (server("/a", "www.foobar.com"), {"redirect_from": ["www.foobar.com"]}, "www.foobar.com is also in /a"),
        (server("/a", "foobar.com", listen=["443 ssl"]), {"listen": ["80", "[::]:443 ssl"]}, "the same port 443"),
        (server("/a", "foobar.com", listen=[]), {}, "the same port 80"),
        (server("/a", "foobar.com", listen=["192.0.2.1"]), {}, "the same port 80"),
        (server("/a", "foobar.com", listen=["443 ssl"]), {}, None),
        (server("/a", "other.com"), {}, None),
    ],
)
def test_a_name_that_a_kept_site_has_for_the_same_port_is_refused(
    kept: dict[str, Any], keys: dict[str, Any], clash: str | None
) -> None:
    found = conflicts({**kept, "kept": True}, include=True, **keys)
    assert len(found) == (clash is not None)
    assert (clash or "") in "".join(found)


@pytest.mark.parametrize(
    ("listen", "free"),
    [
        (["80 default_server"], ["[::]:80", "443 ssl"]),
        (["*:80"], ["[::]:80", "443 ssl"]),
        (["0.0.0.0:80", "[::]:80 ipv6only=on"], ["443 ssl"]),
        (["*"], ["[::]:80", "443 ssl"]),
        ([], ["[::]:80", "443 ssl"]),
        (["192.0.2.1:80", "unix:/run/a.sock", "8080"], ["80", "[::]:80", "443 ssl"]),
    ],
)
def test_unknown_hosts_stay_with_a_kept_site_where_it_listens(listen: list[str], free: list[str]) -> None:
    addresses = ["80", "[::]:80", "443 ssl"]
    assert nginx_free_addresses(addresses, [server(listen=listen, kept=True)]) == free
    assert nginx_free_addresses(addresses, [server(listen=listen)]) == addresses

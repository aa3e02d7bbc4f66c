"""The filters about HTTPS: mistakes in the nginx role's variables, and what a server has or lacks for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.nginx import nginx_completed, nginx_syntax
from ansible_collections.foobar.webstack.plugins.filter.nginx_tls import (
    nginx_certificates,
    nginx_ecdh_curve,
    nginx_lacks,
    nginx_tls_mistakes,
)

LISTEN = ["80", "[::]:80"]
LISTEN_SSL = ["443 ssl", "[::]:443 ssl"]
PEM = "/etc/ssl/sites/foobar.com.pem"
YEAR = 31_536_000


def completed(ipv6: bool = True, listen_ssl: list[str] | None = None, **keys: Any) -> dict[str, Any]:
    """Return a site with what follows from its keys."""
    site = {"server_name": "foobar.com", "locations": [{"path": "/", "return": "204"}], **keys}
    return nginx_completed([site], LISTEN, LISTEN_SSL if listen_ssl is None else listen_ssl, ipv6)[0]


def mistakes(
    listen_ssl: list[str] | None = None, root: str = "", peers: list[str] | None = None, **keys: Any
) -> list[str]:
    """Return what is wrong with a site of some keys, and with the variables beside it."""
    return nginx_tls_mistakes([completed(**keys)], listen_ssl or LISTEN_SSL, root, peers or [])


def test_a_certificate_brings_https_http2_and_the_redirect() -> None:
    site = completed(ssl_certificate=PEM)
    assert site["listen"] == [*LISTEN, *LISTEN_SSL]
    assert (site["http2"], site["ssl_redirect"], site["ssl_certificate_key"]) == (True, True, PEM)
    site = completed(ssl_certificate=PEM, ssl_certificate_key="/k", http2=False, ssl_redirect="false")
    assert (site["http2"], site["ssl_redirect"], site["ssl_certificate_key"]) == (False, "false", "/k")


def test_without_a_certificate_a_site_stays_as_it_was() -> None:
    site = completed()
    assert (site["listen"], site["http2"], site["ssl_redirect"]) == (LISTEN, False, False)
    assert "ssl_certificate_key" not in site


def test_each_address_is_listened_on_once_and_those_of_ipv6_only_where_there_is_some() -> None:
    assert completed(listen=[8080, "0.0.0.0:443 ssl"], ssl_certificate=PEM)["listen"] == [
        "8080",
        "0.0.0.0:443 ssl",
        "[::]:443 ssl",
    ]
    assert completed(ipv6=False, ssl_certificate=PEM)["listen"] == ["80", "443 ssl"]
    assert completed(ipv6=False, listen=["[::1]:80", "8080"])["listen"] == ["8080"]


@pytest.mark.parametrize(
    ("version", "on_listen", "rotates"),
    [
        ("1.22.1-9+deb12u3", True, False),
        ("1.23.1", True, False),
        ("1.23.2", True, True),
        ("1.24.0-2ubuntu7.5", True, True),
        ("1.25.0-1~bookworm", True, True),
        ("1.25.1", False, True),
        ("1.26.3-3+deb13u1", False, True),
        ("1.30.6-1~trixie", False, True),
        ("", False, True),
    ],
)
def test_the_syntax_goes_by_the_version(version: str, on_listen: bool, rotates: bool) -> None:
    assert nginx_syntax(version) == {"http2_on_listen": on_listen, "rotates_ticket_keys": rotates}


@pytest.mark.parametrize(
    ("system", "version", "is_new"),
    [
        ("Debian", "12.11", False),
        ("Debian", "13", True),
        ("Debian", "13.1", True),
        ("Ubuntu", "24.04", False),
        ("Ubuntu", "25.04", False),
        ("Ubuntu", "25.10", True),
        ("Ubuntu", "26.04", True),
        ("Debian", "n/a", False),
        ("Fedora", "42", False),
    ],
)
def test_the_groups_go_by_the_system_s_openssl(system: str, version: str, is_new: bool) -> None:
    groups = nginx_ecdh_curve({"distribution": system, "distribution_version": version}).split(":")
    assert groups == ["X25519MLKEM768"] * is_new + ["X25519", "prime256v1", "secp384r1"]


def test_without_facts_the_groups_are_those_that_all_know() -> None:
    assert nginx_ecdh_curve({}) == "X25519:prime256v1:secp384r1"


def test_sound_variables_pass() -> None:
    hsts: dict[str, Any] = {"hsts_max_age": YEAR, "hsts_include_subdomains": True, "hsts_preload": "true"}
    files: dict[str, Any] = {"ssl_trusted_file": "/etc/ssl/x.trusted", "hsts_long_file": "/etc/ssl/x.hsts"}
    assert mistakes(root="/srv/acme", peers=["192.0.2.1", "2001:db8::1"]) == []
    assert mistakes(ssl_certificate=PEM, **hsts, **files) == []
    for name in ("$host", "${host}", "is-$host-1"):
        assert mistakes(ssl_certificate=PEM, ssl_trusted_file=f"/etc/ssl/{name}.trusted") == []
    assert mistakes(trusted_proxies=["192.0.2.1"], ssl_redirect=True, hsts_max_age=0) == []
    assert mistakes(listen=["443 ssl"], hsts_max_age=300) == []
    assert mistakes(ssl_redirect=False, locations=[{"path": "/.well-known/acme-challenge/", "root": "/srv"}]) == []
    assert mistakes(root="/srv", locations=[{"path": "/.well-known/", "root": "/srv"}]) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ssl_certificate": "x.pem"}, "nginx_sites: ssl_certificate of foobar.com must be the path of one file"),
        ({"ssl_certificate": "/etc/ssl/$host.pem"}, "ssl_certificate of foobar.com must be the path"),
        ({"ssl_certificate": PEM, "ssl_trusted_file": "/a b"}, "ssl_trusted_file of foobar.com must be the path"),
        ({"ssl_certificate": PEM, "ssl_trusted_file": "/a/$uri"}, "ssl_trusted_file of foobar.com must be the path"),
        ({"ssl_certificate": PEM, "ssl_trusted_file": "/a/$host_b"}, "ssl_trusted_file of foobar.com must be the path"),
        ({"ssl_certificate": PEM, "hsts_long_file": "/a/$host"}, "hsts_long_file of foobar.com must be the path"),
        ({"ssl_certificate": PEM, "hsts_long_file": "/a;b"}, "hsts_long_file of foobar.com must be the path"),
        ({"ssl_certificate_key": "/k"}, "ssl_certificate_key of foobar.com needs ssl_certificate."),
        ({"ssl_redirect": True}, "ssl_redirect of foobar.com needs ssl_certificate, or trusted_proxies"),
        ({"hsts_max_age": 300}, "hsts_max_age of foobar.com needs ssl_certificate, or trusted_proxies"),
        ({"hsts_max_age": 0, "trusted_proxies": []}, "hsts_max_age of foobar.com needs ssl_certificate"),
        ({"ssl_certificate": PEM, "hsts_max_age": -1}, "hsts_max_age of foobar.com must be a number of seconds"),
        (
            {"ssl_certificate": PEM, "hsts_max_age": YEAR, "hsts_preload": True},
            "hsts_preload of foobar.com needs hsts_include_subdomains and an hsts_max_age of 31536000 or more.",
        ),
        (
            {
                "ssl_certificate": PEM,
                "hsts_max_age": YEAR - 1,
                "hsts_preload": True,
                "hsts_include_subdomains": True,
            },
            "hsts_preload of foobar.com needs hsts_include_subdomains and an hsts_max_age",
        ),
        ({"listen_ssl": ["443"]}, "nginx_listen_ssl: 443 lacks the word ssl, as in 443 ssl."),
        ({"root": "srv/acme"}, "nginx_acme_root must be the path of a folder"),
        ({"peers": ["192.0.2.1"]}, "nginx_acme_peers needs nginx_acme_root"),
        ({"root": "/srv", "peers": ["web02.example"]}, "nginx_acme_peers: web02.example is no IP address."),
        ({"root": "/srv", "peers": ["192.0.2.1:80"]}, "nginx_acme_peers: 192.0.2.1:80 is no IP address."),
        ({"root": "/srv", "peers": ["fe80::1%eth0"]}, "nginx_acme_peers: fe80::1%eth0 is no IP address."),
        (
            {"root": "/srv", "locations": [{"path": "^~ /.well-known/acme-challenge/", "root": "/a"}]},
            "location /.well-known/acme-challenge/ of foobar.com is the role's own with nginx_acme_root",
        ),
    ],
)
def test_a_mistake_gets_one_sentence_that_names_it(variables: dict[str, Any], sentence: str) -> None:
    assert len([mistake for mistake in mistakes(**variables) if sentence in mistake]) == 1


def test_the_files_that_must_be_there_are_those_that_nobody_else_makes() -> None:
    managed = completed(ssl_certificate="/m.pem", ssl_certificate_managed="yes")
    own = completed(ssl_certificate=PEM, ssl_certificate_managed=False)
    assert nginx_certificates(
        [managed, own, completed(), completed(ssl_certificate=PEM, ssl_certificate_key="/k")]
    ) == [
        PEM,
        "/k",
    ]


def test_a_missing_certificate_is_named_once() -> None:
    paths = {"/proc/net/if_inet6": ["/proc/net/if_inet6"], PEM: [], "/k": ["/k"]}
    sites = [completed(ssl_certificate=PEM), completed(ssl_certificate=PEM, ssl_certificate_key="/k")]
    assert nginx_lacks(paths, "web01", sites, LISTEN) == [
        f"nginx_sites: {PEM} is not on web01; put it there first, or set ssl_certificate_managed if it is made before "
        "nginx is configured."
    ]
    assert nginx_lacks({**paths, PEM: [PEM]}, "web01", sites, LISTEN) == []


@pytest.mark.parametrize(("addresses", "is_refused"), [(LISTEN, True), (["80", "443 ssl"], False), ([], False)])
def test_a_machine_without_ipv6_is_told_of_the_switch(addresses: list[str], is_refused: bool) -> None:
    sentence = "nginx_ipv6: web01 has no IPv6, so nginx can't listen on [::]:80; set nginx_ipv6: false."
    assert nginx_lacks({"/proc/net/if_inet6": []}, "web01", [], addresses) == [sentence] * is_refused

"""The filters that find mistakes in the nginx role's variables, and conflicts with what a server has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.nginx import (
    nginx_conflicts,
    nginx_free_addresses,
    nginx_mistakes,
    nginx_repository_refusal,
)
from ansible_collections.foobar.webstack.plugins.filter.nginx_files import (
    nginx_reader_files,
    nginx_reader_steps,
    nginx_readers,
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
        (location(alias="/srv/a/", fallback="/srv/b/", user="shop"), "and without a user"),
        (location(proxy_pass="http://shop", user="shop"), "can have a user only beside an alias without spaces"),
        (
            location(alias="/srv/m/", user="shop", try_files="$uri =404"),
            "has try_files, which does nothing",
        ),
        (location(alias="/srv/m/", user="shop", options={"autoindex": True}), "has autoindex, which does nothing"),
        (
            location(alias="/srv/m/", user="shop", options={"root": "/srv"}),
            "has root, which does nothing",
        ),
        (location(alias="/srv/$host/", user="shop"), "can have a user only beside an alias without spaces"),
        (location(path="~ ^/a/", alias="/srv/a/", user="shop"), "and under a path that is no regular expression"),
        (location(alias="/srv/a/", user="root"), "has the user root, which is no name of a user other than root"),
        (location(alias="/srv/a/", user="a b"), "has the user a b, which is no name of a user"),
        (location(root="/srv", single_page=True), "can be a single_page only with an alias"),
        (location(path="/app", alias="/srv/a", single_page=True), "a path that begins and ends with a slash"),
        (location(alias="/srv/a/", streaming=True), "can be streaming only with a proxy_pass"),
        (location(path="api/", proxy_pass="http://shop"), "has no path of nginx's: write /path"),
        (location(path="/a b", proxy_pass="http://shop"), "has no path of nginx's: write /path"),
        (location(path="~ ^/[0-9]{4}/", proxy_pass="http://shop"), "has a path with a brace or a semicolon"),
        (location(path="/a;b", proxy_pass="http://shop"), "has a path with a brace or a semicolon"),
        (location(proxy_pass="http://shop", options={"gzip": "on; gzip off"}), "semicolon in gzip that belongs to no"),
        (location(proxy_pass="http://shop", options={"add_header": ["X a", "Y 'b"]}), "a quote, brace or semicolon in"),
        (location(proxy_pass="http://shop", options={"if ($a)": "{ }"}), "has if ($a) in its options, which is no"),
        (location(proxy_pass="http://shop", options={"proxy_pass": "http://a"}), "has proxy_pass in its options, too"),
        (location(alias="/srv/{a}/"), "a quote, brace or semicolon in alias"),
        ({"sites": [site(options={"return": '200 "a'})]}, "foobar.com has a quote, brace or semicolon in return"),
        (
            {"sites": [site(client_max_body_size="1m", options={"client_max_body_size": "2m"})]},
            "foobar.com has client_max_body_size in its options, too",
        ),
        ({"sites": [site(client_max_body_size="10 MB")]}, "client_max_body_size of foobar.com must be a number with k"),
        (
            {"sites": [site(limit_req_rate="10 per second")]},
            "limit_req_rate of foobar.com must be a number with r/s or",
        ),
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


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ("/api/", "/api/", "/api/"),
        ("/api/", "^~ /api/", "/api/"),
        ("= /api", "= /api", "= /api"),
        ("= /api", "/api", None),
        ("/api/", "/api", None),
        ("~ ^/a", "~ ^/a", None),
    ],
)
def test_a_path_that_two_locations_have_is_refused(first: str, second: str, place: str | None) -> None:
    sites = [site(locations=[{"path": path, "return": "404"} for path in (first, second)])]
    wanted = f"nginx_sites: location {place} of foobar.com stands there more than once; nginx takes each path once."
    assert mistakes(sites=sites) == ([wanted] if place else [])


@pytest.mark.parametrize("path", ["= /.maintenance", "@unavailable", "/.fallback/static/"])
def test_a_location_of_the_role_s_own_is_refused(path: str) -> None:
    assert mistakes(sites=[site(locations=[{"path": path, "return": "404"}])]) == [
        f"nginx_sites: location {path} of foobar.com is the role's own; name it differently."
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Content-Security-Policy \"default-src 'self'; img-src *\" always",
        "X-A 'it\\'s; {fine}'",
        "^/old/(.*)$ /new/$1 break",
        "$binary_remote_addr zone=a:10m rate=1r/m",
        "${host}_a",
        "",
        "30d",
    ],
)
def test_what_nginx_reads_as_the_words_of_a_directive_passes(words: str) -> None:
    assert mistakes(**location(proxy_pass="http://shop", options={"add_header": words})) == []


def test_all_that_is_wrong_with_a_location_is_said() -> None:
    where = "nginx_sites: location /a of foobar.com"
    wrong = {"path": "/a", "alias": "/srv/", "fallback": "/old", "proxy_pass": "http://shopp/"}
    assert mistakes(sites=[site(locations=[wrong])]) == [
        f"{where} needs one of proxy_pass, root, alias and return.",
        f"{where} and its alias must both end in a slash or neither.",
        f"{where} can have a fallback only beside an alias that ends like it, under a path that is no regular "
        "expression, and without a user.",
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


MEDIA = {"path": "/media/", "alias": "/srv/shop/shared/media/", "user": "shop"}
READERS = nginx_readers([site(locations=[MEDIA]), site(locations=[{**MEDIA, "user": "blog"}, {"path": "/"}])])


def test_each_user_s_files_are_read_by_an_nginx_of_its_own() -> None:
    assert [reader["user"] for reader in READERS] == ["blog", "shop"]
    files = [file["dest"] for file in nginx_reader_files(READERS)]
    assert files == [
        "/etc/systemd/system/nginx-files@.service",
        "/etc/nginx/webstack-files-blog.conf",
        "/etc/nginx/webstack-files-shop.conf",
    ]
    assert nginx_reader_files([]) == []


UNIT = "/etc/systemd/system/nginx-files@.service"
UP = {"active_state": "active", "unit_file_state": "enabled"}


@pytest.mark.parametrize(
    ("states", "written", "found", "steps"),
    [
        ((UP, UP), [], ["blog", "shop"], {}),
        ((UP, UP), ["shop"], ["blog", "shop"], {"reload": ["nginx-files@shop"]}),
        ((UP, UP), [UNIT], ["blog", "shop"], {"reload": ["nginx-files@blog", "nginx-files@shop"]}),
        ((UP, {**UP, "active_state": "failed"}), ["shop"], ["shop"], {"start": ["nginx-files@shop"]}),
        (({**UP, "unit_file_state": "disabled"}, UP), [], [], {"start": ["nginx-files@blog"]}),
        ((UP, UP), [], ["blog", "gone", "shop"], {"stop": ["gone"]}),
    ],
)
def test_what_reads_files_is_started_reloaded_and_stopped_where_it_must(
    states: tuple[dict[str, str], dict[str, str]], written: list[str], found: list[str], steps: dict[str, list[str]]
) -> None:
    units = dict(zip(["nginx-files@blog", "nginx-files@shop"], states, strict=True))
    places = [
        [name if name == UNIT else f"/etc/nginx/webstack-files-{name}.conf" for name in names]
        for names in (written, found)
    ]
    assert nginx_reader_steps(READERS, units, *places) == {"start": [], "reload": [], "stop": [], **steps}


@pytest.mark.parametrize(("own", "offered"), [("arm64", ["amd64", "arm64"]), ("riscv64", [])])
def test_a_repository_that_has_nginx_for_a_machine_or_does_not_say_is_not_refused(own: str, offered: list[str]) -> None:
    told = {"architecture": own, "architectures": offered}
    assert nginx_repository_refusal(told, "web1", "https://nginx.org/packages/debian", "trixie") == ""


def test_a_repository_without_nginx_for_a_machine_is_refused_with_the_ways_out() -> None:
    told = {"architecture": "riscv64", "architectures": ["amd64", "arm64"]}
    assert nginx_repository_refusal(told, "web1", "https://nginx.org/packages/debian", "trixie") == (
        "web1 is riscv64, and nginx_repository_url (https://nginx.org/packages/debian, suite trixie) has packages for "
        "amd64, arm64 only: set nginx_repository to distribution, or name a repository that has nginx for riscv64."
    )

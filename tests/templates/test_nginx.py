"""nginx.conf and what the role finds wrong with its variables, without a machine."""

import re
from typing import Any

import pytest

from . import render, value

UPSTREAM = {"name": "shop", "servers": [{"address": "unix:/run/shop.sock"}]}


def site(**keys: Any) -> dict[str, Any]:
    return {"server_name": "foobar.com", "locations": [{"path": "/", "proxy_pass": "http://shop"}], **keys}


def conf(*sites: dict[str, Any], **variables: Any) -> str:
    usual = {"nginx_sites": list(sites), "nginx_upstreams": [UPSTREAM], "__nginx_installed": {}}
    text = render("nginx", "nginx.conf.j2", usual | variables, lstrip_blocks=True)
    assert text.startswith("#\n# Ansible managed\n#\n")
    outside = text.replace(text[text.index("<style>") : text.index("</style>")], "")
    assert outside.count("{") == outside.count("}")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    return text


def test_without_any_site_unknown_hosts_are_dropped_on_every_address() -> None:
    text = conf()
    assert "listen 80 default_server;\n        listen [::]:80 default_server;\n        return 444;" in text


def test_hosts_are_dropped_wherever_a_site_listens_and_nowhere_else() -> None:
    text = conf(site(listen=["8080"]), site(server_name="b.example", listen=["8080", "8081"]))
    assert [line.strip() for line in text.splitlines() if "default_server" in line] == [
        "listen 8080 default_server;",
        "listen 8081 default_server;",
    ]


def test_numbers_and_booleans_may_be_text() -> None:
    servers = [{"address": "unix:/a.sock", "backup": "false"}]
    upstream = {**UPSTREAM, "servers": servers, "keepalive": "16"}
    text = conf(site(proxy_cache="false", http2="false"), nginx_upstreams=[upstream], nginx_server_tokens="false")
    assert "keepalive 16;" in text
    assert "server_tokens off;" in text
    assert not [word for word in ("proxy_cache pages", "http2", " backup") if word in text]


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("1.22.1-9+deb12u3", True),
        ("1.24.0-2ubuntu7.5", True),
        ("1.25.0-1~bookworm", True),
        ("1.25.1-1~bookworm", False),
        ("1.26.3-3+deb13u1", False),
        ("1.30.6-2", False),
        ("", False),
    ],
)
def test_http2_is_written_as_the_version_wants_it(version: str, old: bool) -> None:
    tls = site(listen=["80", "443 ssl"], http2=True)
    text = conf(tls, site(server_name="b.example"), __nginx_installed={"stdout": version})
    assert text.count("listen 443 ssl http2;") == int(old)
    assert text.count("listen 443 ssl http2 default_server;") == int(old)
    assert text.count("http2 on;") == int(not old)
    assert "listen 80 http2" not in text


def test_http2_is_not_mentioned_where_nobody_wants_it() -> None:
    assert "http2" not in conf(site())


def test_a_redirect_keeps_scheme_port_and_path() -> None:
    text = conf(site(server_name="foobar.com localhost", redirect_from=["www.foobar.com"]))
    redirecting = text.split("server_name www.foobar.com;")[1].split("server {")[0]
    assert "        return 301 $scheme://foobar.com$visited_port$request_uri;\n" in redirecting


PEM = "/etc/ssl/sites/foobar.com.pem"
TLS: dict[str, Any] = {"ssl_certificate": PEM, "redirect_from": ["www.foobar.com"], "hsts_max_age": 31536000}
SWITCHES = {"ssl_trusted_file": "/etc/ssl/sites/foobar.com.trusted", "hsts_long_file": "/etc/ssl/sites/foobar.com.hsts"}


def servers(text: str, name: str) -> list[str]:
    """Return the server blocks that answer for a name, each in one line."""
    blocks = [" ".join(block.split()) for block in re.split(r"\n    }\n", text)]
    return [block for block in blocks if re.search(rf"server_name [^;]*\b{re.escape(name)}[ ;]", block)]


def test_tls_is_set_up_for_all_sites_where_one_speaks_it() -> None:
    assert "ssl" not in conf(site())
    text = conf(site(**TLS), site(server_name="b.example"), __nginx_installed={"stdout": "1.22.1-9"})
    for line in ["ssl_protocols TLSv1.2 TLSv1.3;", "ssl_session_tickets off;", "ssl_ecdh_curve X25519:"]:
        assert text.count(line) == 1
    facts = {"distribution": "Debian", "distribution_version": "13.1"}
    text = conf(site(listen=["443 ssl"]), __nginx_installed={"stdout": "1.26.3"}, ansible_facts=facts)
    for line in ["ssl_session_tickets on;", "ssl_ecdh_curve X25519MLKEM768:X25519:"]:
        assert text.count(line) == 1


def test_a_certificate_is_served_by_each_block_of_its_site() -> None:
    text = conf(site(**TLS), __nginx_installed={"stdout": "1.26.3"})
    lines = f"ssl_certificate {PEM}; ssl_certificate_key {PEM};"
    for name in ("www.foobar.com", "foobar.com"):
        (block,) = [found for found in servers(text, name) if f"server_name {name};" in found]
        assert (
            f"listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; server_name {name}; http2 on; {lines}"
            in (block)
        )


def test_strangers_are_refused_on_every_address_that_speaks_tls() -> None:
    drop = conf(site(**TLS)).split("return 444;")[0].rsplit("server {", 1)[1]
    for line in ["listen 443 ssl default_server;", "listen [::]:443 ssl default_server;", "ssl_reject_handshake on;"]:
        assert line in drop


def test_without_ipv6_no_address_of_it_is_listened_on() -> None:
    for sites in ([], [site(**TLS, listen=["80", "[::1]:80"])]):
        text = conf(*sites, nginx_ipv6="false")
        assert "listen [" not in text
        assert "listen 80 default_server;" in text


@pytest.mark.parametrize("switches", [{}, SWITCHES])
def test_a_challenge_comes_before_the_scheme_the_name_and_maintenance(switches: dict[str, str]) -> None:
    text = conf(site(**TLS, **switches), nginx_acme_root="/srv/acme")
    steps = ["if ($uri ~ ^/\\.well-known/acme-challenge/) { break; }", "if ($to_https_1) { return 301 https://$host$"]
    for name, last in [
        ("www.foobar.com", "return 301 $scheme://foobar.com$"),
        ("foobar.com", "if (-f $maintenance_1)"),
    ]:
        (block,) = [found for found in servers(text, name) if f"server_name {name};" in found]
        places = [block.index(step) for step in [*(f"if (-f {file})" for file in switches.values()), *steps, last]]
        assert places == sorted(places)


def test_challenges_are_looked_for_only_where_there_is_a_folder() -> None:
    assert "acme" not in conf(site(**TLS))
    alone = conf(site(**TLS), nginx_acme_root="/srv/acme")
    assert alone.count("root /srv/acme;") == 2
    assert "proxy_pass http://acme_peers" not in alone
    text = conf(site(), nginx_acme_root="/srv/acme", nginx_acme_peers=["192.0.2.2", "2001:db8::2"])
    assert "server 192.0.2.2;\n        server [2001:db8::2];" in text


def test_hsts_is_repeated_wherever_a_header_of_its_own_would_hide_it() -> None:
    files = {"path": "/static/", "alias": "/srv/a/", "fallback": "/srv/b/"}
    own = {
        "path": "/own/",
        "proxy_pass": "http://shop",
        "options": {"add_header": "X-Own 1", "proxy_hide_header": "X-A"},
    }
    plain = {"path": "/", "proxy_pass": "http://shop"}
    header = "add_header Strict-Transport-Security $hsts_1 always;"
    text = conf(site(locations=[files, own, plain], **TLS), nginx_http_options={"add_header": "X-All 1"})
    blocks = dict(re.findall(r"\n {8}location (.*?) {\n(.*?)\n {8}}", text, re.DOTALL))
    assert {name: block.count(header) for name, block in blocks.items()} == {
        "/static/": 1,
        "^~ /.fallback/static/": 1,
        "/own/": 1,
        "/": 0,
        "= /.maintenance": 1,
        "@unavailable": 1,
    }
    assert blocks["/own/"].count("proxy_hide_header Strict-Transport-Security;") == 1
    # The blocks themselves, which would else hide the header of all sites.
    assert text.count(f"\n        {header}\n        add_header X-All 1;") == 2


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ({"hsts_max_age": 0}, {"https 1 1": "max-age=0"}),
        ({"hsts_max_age": 60, "hsts_include_subdomains": True}, {"https 1 1": "max-age=60; includeSubDomains"}),
        (
            {"hsts_max_age": 31536000, "hsts_include_subdomains": "yes", "hsts_preload": True},
            {"https 1 1": "max-age=31536000; includeSubDomains; preload"},
        ),
        (
            {"hsts_max_age": 31536000, "hsts_long_file": "/l"},
            {"https 1 1": "max-age=31536000", "https 1 ": "max-age=300"},
        ),
        ({"hsts_max_age": 60, "hsts_long_file": "/l"}, {"https 1 1": "max-age=60", "https 1 ": "max-age=60"}),
    ],
)
def test_hsts_says_what_it_was_told(keys: dict[str, Any], values: dict[str, str]) -> None:
    text = conf(site(ssl_certificate=PEM, **keys))
    (lines,) = re.findall(r" \$hsts_1 {\n(.*?)\n    }", text, re.DOTALL)
    assert dict(re.findall(r'"(.*?)" "(.*?)";', lines)) == values
    assert 'default "";' in lines


def test_a_preview_name_may_be_long_or_stand_for_many() -> None:
    names = ["localhost", f"{'a' * 63}.example", "*.preview.example"]
    text = conf(site(preview_names=names, **TLS))
    assert f"server_name foobar.com {' '.join(names)};" in text
    (pattern,) = re.findall(r'\$is_preview_1 {\n +"~\*(.*?)" " preview";', text)
    assert all(re.search(pattern, name) for name in [*names[:2], "x.preview.example"])
    assert not any(re.search(pattern, name) for name in ["foobar.com", "xlocalhost", "preview.example", "a.example"])


def test_a_tenant_has_the_switch_of_the_wildcard_that_stands_for_one_label() -> None:
    names = "foobar.com *.foobar.com fixed.foobar.com"
    for file in ("/etc/ssl/sites/$host.trusted", "/etc/ssl/sites/${host}.trusted"):
        keys = TLS | {"redirect_from": ["*.Foobar.net"], "ssl_trusted_file": file}
        text = conf(site(server_name=names, **keys))
        assert text.count("if (-f /etc/ssl/sites/$host_of_1.trusted) {") == 2
        (lines,) = re.findall(r"map \$host \$host_of_1 {\n(.*?)\n    }", text, re.DOTALL)
        exact = dict(re.findall(r"^ +([\w.]+) ([\w.]+);$", lines, re.MULTILINE))
        assert exact == {"foobar.com": "foobar.com", "fixed.foobar.com": "fixed.foobar.com"}
        patterns = dict(re.findall(r'"~(.*?)" (.*?);', lines))
        wanted = {
            "a.foobar.com": "*.foobar.com",
            "a.b.foobar.com": "",
            "a.foobar.net": "*.foobar.net",
            "xfoobar.com": "",
        }
        for host, name in wanted.items():
            assert "".join(kept for pattern, kept in patterns.items() if re.search(pattern, host)) == name
    assert "host_of" not in conf(site(server_name=names, **TLS))
    assert "host_of" not in conf(site(**TLS, **SWITCHES))


def test_only_what_a_trusted_proxy_says_of_the_scheme_counts() -> None:
    proxied = site(trusted_proxies=["192.0.2.1", "192.0.2.1"], redirect_from=["www.foobar.com"], proxy_cache=True)
    text = conf(proxied, site(server_name="b.example"))
    words = " ".join(text.split())
    assert "geo $realip_remote_addr $is_proxy_1 { default 0; 192.0.2.1 1; }" in words
    assert words.count("real_ip_header X-Forwarded-For; real_ip_recursive on; set_real_ip_from 192.0.2.1;") == 2
    assert "return 301 $scheme_1://foobar.com$visited_port$request_uri;" in text
    assert "proxy_cache_key $scheme_1$host" in text
    assert text.count("proxy_set_header X-Forwarded-Proto $scheme_1;") == 1
    assert text.count("proxy_set_header X-Forwarded-Proto $scheme;") == 1
    other = conf(site(trusted_proxies=["192.0.2.1"], options={"real_ip_header": "CF-Connecting-IP"}))
    assert re.findall(r"real_ip_header (\S+);", other) == ["CF-Connecting-IP"]


def test_options_are_nginx_s_own_words_and_replace_the_role_s() -> None:
    text = conf(
        site(options={"allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": "all"}),
        nginx_http_options={"gzip": False, "keepalive_requests": 50},
        nginx_main_options={"worker_shutdown_timeout": "30s"},
    )
    assert "allow 192.0.2.0/24;\n        allow 2001:db8::/32;\n        deny all;" in text
    assert "    gzip off;" in text
    assert "gzip on;" not in text
    assert "    keepalive_requests 50;" in text
    assert "\nworker_shutdown_timeout 30s;\n" in text


def test_an_upstream_says_everything_about_its_servers() -> None:
    servers = [
        {"address": "192.0.2.1:8000", "weight": 3, "max_fails": 0, "fail_timeout": "5s"},
        {"address": "[2001:db8::1]:8000", "backup": True},
    ]
    text = conf(site(), nginx_upstreams=[{"name": "shop", "method": "least_conn", "keepalive": 4, "servers": servers}])
    assert "server 192.0.2.1:8000 weight=3 max_fails=0 fail_timeout=5s;" in text
    assert "server [2001:db8::1]:8000 backup;" in text
    assert "        least_conn;" in text
    assert "        keepalive 4;" in text
    assert '        shop "";' in text


def test_a_cache_exists_only_where_a_site_wants_one() -> None:
    assert "proxy_cache" not in conf(site())
    assert conf(site(proxy_cache=True)).count("proxy_cache_path") == 1


def test_an_error_page_may_hold_quotes_and_backslashes() -> None:
    assert r"It\'s \\ <style></style>" in conf(site(), nginx_error_page=r"It's \ <style></style>")


def test_every_site_has_a_switch_of_its_own_for_its_maintenance() -> None:
    allowed = ["192.0.2.0/24", "2001:db8::1", "192.0.2.0/24"]
    text = conf(site(server_name="a.example localhost"), site(server_name="b.example", maintenance_allow=allowed))
    for number, name, lines in [(1, "a.example", ""), (2, "b.example", '192.0.2.0/24 ""; 2001:db8::1 ""; ')]:
        words = " ".join(text.split())
        assert f"geo $maintenance_{number} {{ default /etc/nginx/maintenance/{name}; {lines}}}" in words
        assert words.count(f"if (-f $maintenance_{number}) {{ rewrite ^ /.maintenance last; }}") == 1


def test_the_switch_is_looked_for_before_a_site_s_own_directives() -> None:
    text = conf(site(options={"rewrite": "^/old$ /new break"}))
    assert text.index("if (-f") < text.index("rewrite ^/old$")


def headers(text: str, after: str) -> list[str]:
    """Return the headers other than the role's own that the block after some words adds."""
    block = re.split(r"\n {8}}\n", text[text.index(after) :])[0]
    return re.findall(r"add_header (X-\S+ \S+);", block)


def test_a_site_s_headers_are_repeated_where_others_would_hide_them() -> None:
    files = {"path": "/static/", "alias": "/srv/a/", "fallback": "/srv/b/"}
    own = {"path": "/own/", "alias": "/srv/a/", "options": {"add_header": "X-Own 1"}}
    places = [
        "location /static/ ",
        "location ^~ /.fallback/static/ ",
        "location = /.maintenance ",
        "location @unavailable ",
    ]
    everywhere = {"nginx_http_options": {"add_header": "X-All 1"}}
    text = conf(site(locations=[files, own], options={"add_header": ["X-One 1", "X-Two 2"]}), **everywhere)
    for place in places:
        assert headers(text, place) == ["X-One 1", "X-Two 2"]
    assert headers(text, "location /own/ ") == ["X-Own 1"]
    text = conf(site(locations=[files]), **everywhere)
    for place in places:
        assert headers(text, place) == ["X-All 1"]


def test_a_maintenance_page_may_hold_quotes_and_is_the_error_page_by_default() -> None:
    text = conf(site(), site(server_name="b.example", maintenance_page="It's", maintenance_retry_after=60))
    assert "add_header Retry-After 300 always;\n            return 503 $unavailable;" in text
    assert "add_header Retry-After 60 always;\n            return 503 'It\\'s';" in text


@pytest.mark.parametrize(
    ("path", "fallback"),
    [
        ("/static/", "^~ /.fallback/static/"),
        ("^~ /static/", "^~ /.fallback/static/"),
        ("= /robots.txt", "= /.fallback/robots.txt"),
        ("/", "^~ /.fallback/"),
    ],
)
def test_a_fallback_is_looked_into_from_inside_only_and_with_the_same_headers(path: str, fallback: str) -> None:
    place = {"path": path, "alias": "/srv/a/", "fallback": "/srv/b/", "immutable": True, "options": {"etag": False}}
    words = " ".join(conf(site(locations=[place])).split())
    same = 'gzip_static on; add_header Cache-Control "public, max-age=31536000, immutable";'
    kept = same.removeprefix("gzip_static on; ")
    miss = "error_page 404 = /.fallback$uri;"
    own = "alias /srv/a/; gzip_static on; log_not_found off; etag off;"
    assert f"location {path} {{ {kept} {miss} {own} }}" in words
    assert f"location {fallback} {{ internal; alias /srv/b/; " in words
    assert words.count("log_not_found off;") == 2
    assert words.count(f"{same} etag off; }}") == 1
    assert ".fallback" not in conf(site(locations=[{"path": path, "alias": "/srv/a/"}]))


def test_a_location_may_have_its_missing_files_logged() -> None:
    place = {"path": "/", "alias": "/srv/a/", "fallback": "/srv/b/", "options": {"log_not_found": True}}
    text = conf(site(locations=[place]))
    assert (text.count("log_not_found on;"), text.count("log_not_found off;")) == (2, 0)


def block(text: str, location: str) -> str:
    """Return what a location's block says, in one line."""
    return " ".join(text.split(f"location {location} {{\n")[1].split("\n        }")[0].split())


@pytest.mark.parametrize(
    ("request_line", "led_to"),
    [
        ("GET /users/7", "/index.html"),
        ("HEAD /users/", "/index.html"),
        ("GET /v1.2/users", "/index.html"),
        ("GET /assets/gone.js", "/.fallback/assets/gone.js"),
        ("GET /.env", "/.fallback/.env"),
        ("POST /users/7", "/.fallback/users/7"),
    ],
)
def test_a_page_that_is_made_in_the_browser_is_told_from_a_file_by_its_dot(request_line: str, led_to: str) -> None:
    place = {"path": "/", "alias": "/srv/a/", "fallback": "/srv/b/", "single_page": True}
    text = conf(site(locations=[{"path": "/api/", "proxy_pass": "http://shop"}, place]))
    ((pattern, page, other),) = re.findall(
        r'map "\$request_method \$uri" \$missing_1_2 {\n +"~(.*)" (.*);\n +default (.*);', text
    )
    assert (page if re.search(pattern, request_line) else other.replace("$uri", request_line.split()[1])) == led_to
    assert "error_page 403 404 = $missing_1_2;" in block(text, "/")
    assert "error_page" not in block(text, "/api/")


def test_a_single_page_below_a_path_has_an_index_of_its_own_and_needs_no_fallback() -> None:
    text = conf(site(locations=[{"path": "/app/", "alias": "/srv/a/", "single_page": "true"}]))
    assert '"~^(GET|HEAD) .*/[^/.]*$" /app/index.html;\n        default @missing;' in text
    assert text.count("location @missing {") == 1
    assert "$missing" not in conf(site(locations=[{"path": "/app/", "alias": "/srv/a/", "single_page": "false"}]))


HASHED = ["app.0123abcd.js", "main-0123abcd.css", "site.0123456789ab.css"]
HASHED += ["assets/index-Diw4gTda.js", "app/assets/logo-B1x_-9aZ.svg", "assets/a-b-c8d_-4Ef.css", "main-5UAQVAQB.js"]
HASHED += ["_app/immutable/start.js"]
UNHASHED = ["index.html", "app-settings.js", "assets/app-settings.js", "assets/hero-VERTICAL.svg", "hero-VERTICAL.svg"]
UNHASHED += ["photo-20240101.css", "assets/photo-20240101.png", "assets/report-Chapter1.pdf", "index-Diw4gTda.js"]
UNHASHED += ["assets/index-Diw4gTdab.js", "sw.js", "main-ABCDEFGH.js"]
# As designers, cameras and people write them.
UNHASHED += [
    f"assets/{name}"
    for name in (
        *("logoDark.svg", "iPhone15.png", "photo-iPhone15.png", "IMG_1234.JPG", "my-IMG_1234.jpg", "DSC_0001.jpg"),
        *("hero-HomePage.jpg", "hero-My_Photo.jpg", "hero-Our-Team.jpg", "Inter-SemiBold.woff2", "chair-3DModels.png"),
        *("Roboto-Bold_v12.woff2", "a-v4_Black.otf", "photos/2024-03-Half_2nd.jpg", "a1b2C3d4.js", "x.a1b2C3d4.js"),
    )
]


@pytest.mark.parametrize("path", [*HASHED, *UNHASHED])
def test_only_a_name_with_a_hash_is_kept_for_good(path: str) -> None:
    (lines,) = re.findall(r"map \$uri \$static_cache_control {\n(.*?)\n    }", conf(), re.DOTALL)
    patterns = re.findall(r'^ +"?~(.*?)"? "public, max-age=31536000, immutable";$', lines, re.MULTILINE)
    assert len(patterns) == 4
    assert any(re.search(pattern, f"/{path}") for pattern in patterns) == (path in HASHED)


def test_a_stream_is_passed_on_as_it_comes_and_may_be_told_other_times() -> None:
    place = {"path": "/ws/", "proxy_pass": "http://shop", "streaming": True, "options": {"proxy_read_timeout": "1d"}}
    words = block(conf(site(locations=[place])), "/ws/")
    for line in ["proxy_buffering off;", "proxy_cache off;", "gzip off;", "proxy_read_timeout 1d;"]:
        assert words.count(line) == 1
    assert "proxy_read_timeout 1h" not in words


MEDIA = {"path": "/media/", "alias": "/srv/shop/shared/media/", "user": "shop"}


def test_files_of_another_user_come_from_an_nginx_that_runs_as_this_user() -> None:
    text = conf(site(locations=[MEDIA], options={"add_header": "X-Site 1"}))
    words = block(text, "/media/")
    assert "proxy_pass http://unix:/run/nginx-files-shop/socket:/srv/shop/shared/media/;" in words
    assert "alias" not in words
    for header in ["X-Content-Type-Options nosniff always", "Content-Security-Policy $policy_of_file", "X-Site 1"]:
        assert words.count(f"add_header {header};") == 1
    # A name with a hash may be that of another upload tomorrow.
    assert "add_header Cache-Control no-cache;" in words
    (pattern,) = re.findall(r'"~\*(.*)" "sandbox; ', text)
    kinds = ["text/html; charset=utf-8", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/rss+xml"]
    assert all(re.search(pattern, kind) for kind in kinds)
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert not any(re.search(pattern, kind) for kind in ["image/png", "application/pdf", "text/plain", office])
    assert "policy_of_file" not in conf(site())


def test_a_private_file_keeps_what_the_application_says_of_it() -> None:
    text = conf(site(locations=[{**MEDIA, "internal": True}], hsts_max_age=60, ssl_certificate=PEM))
    words = block(text, "/media/")
    assert words.startswith("internal;")
    for line in ["set $stated_type $upstream_http_content_type;", "proxy_hide_header Content-Type;"]:
        assert line in words
    assert "Cache-Control" not in words
    assert "add_header Strict-Transport-Security $hsts_1 always;" in words
    assert "map $stated_type" not in conf(site(locations=[MEDIA]))


def test_who_reads_for_a_user_gives_out_the_folders_that_sites_name_and_no_other() -> None:
    (reader,) = value("nginx", "__nginx_readers", nginx_sites=[site(locations=[MEDIA, {**MEDIA, "path": "/m/"}])])
    text = render("nginx", "files.conf.j2", {"reader": reader})
    assert re.findall(r"location (\S+) {", text) == ["/", "/srv/shop/shared/media/"]
    assert "disable_symlinks on from=/srv/shop/shared/media;" in text
    assert "listen unix:/run/nginx-files-shop/socket;" in text
    unit = render("nginx", "files.service.j2", {})
    for line in ["User=%i", "Group=www-data", "RuntimeDirectoryMode=0750", "PrivateNetwork=yes"]:
        assert f"\n{line}\n" in unit
    assert "RestrictAddressFamilies=AF_UNIX\n" in unit


BLOG = {"file": "/etc/nginx/sites-enabled/blog", "names": ["blog.example"], "listen": ["80"], "kept": True}


def test_kept_sites_stand_before_the_role_s_and_answer_for_unknown_hosts_where_they_listen() -> None:
    text = conf(site(listen=["80", "8080"]), nginx_include_existing=True, __nginx_existing={"servers": [BLOG]})
    assert text.index("include /etc/nginx/sites-enabled/*;") < text.index("server {")
    assert [line.strip() for line in text.splitlines() if "default_server" in line] == ["listen 8080 default_server;"]
    text = conf(site(listen=["80"]), nginx_include_existing=True, __nginx_existing={"servers": [BLOG]})
    assert "return 444" not in text
    for without in [{}, {"__nginx_existing": {"servers": [BLOG]}}]:
        text = conf(site(), **without)
        assert "sites-enabled" not in text
        assert text.count("default_server") == 2


def test_kept_sites_inherit_nothing_that_the_role_sets_for_its_own() -> None:
    text = conf(
        site(client_max_body_size="1m", options={"charset": "off"}),
        nginx_include_existing=True,
        nginx_http_options={"gzip_types": "text/css", "ssl_session_timeout": "1h"},
    )
    before, own = text.split("# foobar.com\n")
    http = before.split("\nhttp {\n")[1]
    for name in ["error_page", "proxy_set_header", "access_log", "client_max_body_size", "charset", "proxy_buffers"]:
        assert not re.search(rf"^ +{name} ", http, re.MULTILINE), name
    for line in [
        "error_page 502 503 504 @unavailable;",
        "proxy_set_header Host $host$visited_port;",
        "gzip_types text/css;",
    ]:
        assert own.count(line) == 1, line
    assert own.count("client_max_body_size 1m;") == own.count("charset off;") == 1
    assert "client_max_body_size 10m" not in text
    assert "charset utf-8" not in text
    assert "    ssl_session_timeout 1h;" in http
    assert "    sendfile on;" in http


def test_kept_sites_keep_their_tls_too() -> None:
    text = conf(site(**TLS), nginx_include_existing=True, __nginx_existing={"servers": [BLOG]})
    http, own = text.split("# foobar.com\n")
    assert "ssl_protocols" not in http
    assert own.count("ssl_protocols TLSv1.2 TLSv1.3;") == 2


def unit(**variables: Any) -> str:
    return render("nginx", "webstack.conf.j2", {**variables})


def test_the_sandbox_gives_way_to_sites_made_by_hand() -> None:
    assert "User=www-data" in unit()
    assert "ProtectSystem=strict" in unit()
    kept = unit(nginx_include_existing=True)
    assert not [word for word in ("User=", "Protect", "Capabilit", "Private") if word in kept]
    for line in ["Restart=always", "ExecStartPre=+/bin/rm -f /run/foobar.webstack/nginx.restart"]:
        assert line in unit()
        assert line in kept


STATE: dict[str, Any] = {
    "packages": {"nginx": {"status": "installed", "version": "1.26.3"}},
    "missing_packages": [],
    "differing_files": [],
    "units": {
        "nginx": {
            "active_state": "active",
            "unit_file_state": "enabled",
            "need_daemon_reload": False,
            "reload_result": "success",
            "started": 1000.5,
        }
    },
    "paths": {
        "/run/foobar.webstack/nginx.restart": [],
        "/run/foobar.webstack/nginx": [],
        "/etc/apt/keyrings/nginx.asc": ["/etc/apt/keyrings/nginx.asc"],
        "/var/lib/dpkg/info/libnginx-mod-*.list": ["/var/lib/dpkg/info/libnginx-mod-stream.list"],
    },
}
UNIT = "/etc/systemd/system/nginx.service.d/webstack.conf"
CONF = "/etc/nginx/nginx.conf"


def state(nginx: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """Return what the module server_state tells of a server that is set up, with some of it changed."""
    units = {"nginx": STATE["units"]["nginx"] | (nginx or {})}
    return {**STATE, "units": units, **changed, "paths": STATE["paths"] | changed.get("paths", {})}


def decided(name: str, found: dict[str, Any] | None = None, dests: list[str] | None = None, **variables: Any) -> Any:
    """Return what the role decides for a server with one site, after it has written some files."""
    usual = {"inventory_hostname": "web01", "nginx_sites": [site()], "ansible_check_mode": False}
    usual |= {"ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}}
    written = {"__nginx_state": found or state(), "__nginx_written": {"dests": dests or []}}
    return value("nginx", name, **{**usual, **written, **variables})


MARKED = state(paths={"/run/foobar.webstack/nginx.restart": ["/run/foobar.webstack/nginx.restart"]})
NEW = {"__nginx_drop_in": {"stat": {"mtime": 1000.6}}}
OLD = {"__nginx_drop_in": {"stat": {"mtime": 999.0}}}


@pytest.mark.parametrize(
    ("found", "dests", "variables", "action", "is_pending"),
    [
        (state(), [], {}, "", False),
        (state(), [CONF], {}, "reload", False),
        (state({"reload_result": "exit-code"}), [], {}, "reload", False),
        (state(), [CONF, UNIT], NEW, "reload", True),
        (state(), [UNIT], NEW, "", True),
        # Its mode has changed, or nginx was restarted after the last run was killed.
        (state(), [UNIT], OLD, "", False),
        (state(), [UNIT], {**NEW, "nginx_restart": "true"}, "restart", False),
        (state(), [UNIT], {**NEW, "nginx_restart": "false"}, "", True),
        (MARKED, [], {}, "", True),
        (MARKED, [CONF], {"nginx_restart": True}, "restart", False),
        (state(), [CONF], {"nginx_restart": True}, "reload", False),
        # It serves nothing yet: it is down, has no site, or only the distribution's page.
        (state({"active_state": "inactive", "started": 0}), [CONF, UNIT], {}, "", False),
        (state(), [UNIT], {"nginx_sites": []}, "restart", False),
        (state(), [CONF, UNIT], {"__nginx_existing": {"serves": False}}, "restart", False),
        # It can't be reloaded while it is started again and again.
        (state({"active_state": "activating", "started": 0}), [CONF], {}, "restart", False),
        (state({"active_state": "activating", "started": 0}), [], {}, "", False),
    ],
)
def test_a_restart_waits_while_visitors_would_notice_it(
    found: dict[str, Any], dests: list[str], variables: dict[str, Any], action: str, is_pending: bool
) -> None:
    assert decided("__nginx_action", found, dests, **variables) == action
    sentence = decided("__nginx_pending_restart", found, dests, **variables)
    assert ("web01 runs with older settings" in sentence) == is_pending
    assert bool(sentence) == is_pending


def test_the_package_of_nginx_org_replaces_the_distribution_s_when_a_restart_is_wanted() -> None:
    found = state(missing_packages=["nginx=*~trixie"])
    repository: dict[str, Any] = {"nginx_repository": "nginx.org"}
    wishes: list[dict[str, Any]] = [{"nginx_restart": True}, {"nginx_sites": []}]
    assert decided("__nginx_install.missing", found, **repository) == []
    assert "is still the package of the distribution" in decided("__nginx_pending_restart", found, **repository)
    for wanted in wishes:
        assert decided("__nginx_install.missing", found, **repository, **wanted) == ["nginx=*~trixie"]
        assert decided("__nginx_install.removable", found, **repository, **wanted)[-1] == "libnginx-mod-stream"
    done: dict[str, Any] = {"__nginx_package": {"changed": True}, "nginx_restart": True}
    assert decided("__nginx_action", found, **repository, **done) == "restart"
    assert decided("__nginx_pending_restart", found, **repository, **done) == ""


def test_what_is_not_replaced_is_never_removed() -> None:
    absent = {"packages": {"nginx": {"status": "missing", "version": ""}}}
    for missing, repository in [(["nginx"], "distribution"), (["nginx=*~trixie"], "nginx.org")]:
        found = state(missing_packages=missing, **absent)
        assert decided("__nginx_install.missing", found, nginx_repository=repository) == missing
        assert decided("__nginx_install.removable", found, nginx_repository=repository) == []


@pytest.mark.parametrize(
    ("release", "version", "keys", "is_written"),
    [
        ("bookworm", "1.22.1-9+deb12u3", {"ssl_certificate": PEM}, False),
        ("trixie", "1.26.3-3+deb13u1", {"ssl_certificate": PEM}, False),
        # From the backports, say: the file was compared as if it were for 1.22.
        ("bookworm", "1.26.3-3~bpo12+1", {"ssl_certificate": PEM}, True),
        ("bookworm", "1.26.3-3~bpo12+1", {"http2": True}, True),
        ("bookworm", "1.26.3-3~bpo12+1", {}, False),
    ],
)
def test_a_file_that_was_compared_is_written_again_only_for_another_syntax(
    release: str, version: str, keys: dict[str, Any], is_written: bool
) -> None:
    found = state(packages={"nginx": {"status": "installed", "version": version}})
    facts = {"distribution": "Debian", "distribution_release": release}
    assert decided("__nginx_must_write", found, nginx_sites=[site(**keys)], ansible_facts=facts) == is_written


def test_a_new_module_is_loaded_by_a_reload() -> None:
    assert decided("__nginx_action", __nginx_package={"changed": True}) == "reload"


def mistakes(system: dict[str, str], **variables: Any) -> Any:
    """Return what the role finds wrong on a machine of its own."""
    return value("nginx", "__nginx_mistakes", inventory_hostname="web01", ansible_facts=system, **variables)


@pytest.mark.parametrize(
    ("system", "sentence"),
    [
        (("Debian", "12"), None),
        (("Debian", "13.1"), None),
        (("Ubuntu", "24.04"), None),
        (("Debian", "11.9"), "nginx_repository: Debian 11.9 has an nginx older than 1.22; set nginx.org."),
        (("Ubuntu", "22.04"), "nginx_repository: Ubuntu 22.04 has an nginx older than 1.22; set nginx.org."),
    ],
)
def test_a_system_that_will_not_do_is_named(system: tuple[str, str], sentence: str | None) -> None:
    facts = dict(zip(("distribution", "distribution_version"), system, strict=True))
    assert mistakes(facts) == ([sentence] if sentence else [])


def test_a_system_without_its_version_is_judged_by_its_name() -> None:
    assert mistakes({"distribution": "Debian"}) == []
    assert mistakes({}) == []


def test_existing_sites_are_kept_or_given_up() -> None:
    both = {"nginx_include_existing": True, "nginx_take_over": "yes"}
    assert mistakes({"distribution": "Debian"}, **both) == [
        "nginx_include_existing and nginx_take_over exclude each other: choose one."
    ]


def test_the_repository_of_nginx_org_has_a_newer_nginx_for_an_older_system() -> None:
    ubuntu = {"distribution": "Ubuntu", "distribution_version": "22.04"}
    assert mistakes(ubuntu, nginx_repository="nginx.org") == []


def test_every_variable_is_looked_at_beside_the_system() -> None:
    place = {"path": "/", "proxy_pass": "http://shop", "proxy_set_header": {"x-real-ip": "1"}}
    found = mistakes(
        {"distribution": "Ubuntu", "distribution_version": "22.04"},
        nginx_sites=[site(locations=[place])],
        nginx_upstreams=[UPSTREAM, UPSTREAM],
        nginx_listen=["eighty"],
        nginx_http_options={"proxy_set_header": "A b"},
    )
    for words in ["older than 1.22", "eighty", "write X-Real-IP", "shop must be unique", "location's own key"]:
        assert [sentence for sentence in found if words in sentence], words

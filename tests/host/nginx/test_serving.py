"""nginx as visitors and the application see it."""

import gzip
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .conftest import Ask, wait_until

testinfra_hosts = ["ansible://web"]


def test_a_page_comes_through_the_unix_socket(ask: Ask) -> None:
    answer = ask("/hello?who=you")
    assert (answer.status, answer.seen["name"], answer.seen["path"]) == (200, "shop", "/hello?who=you")


def test_the_application_learns_who_asks_for_what(ask: Ask, address: str) -> None:
    seen = ask("/", site="shop.example:8080").seen["headers"]
    assert seen["host"] == seen["x-forwarded-host"] == "shop.example:8080"
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == address.rsplit(".", 1)[0] + ".1"
    assert seen["x-forwarded-proto"] == "http"
    assert len(seen["x-request-id"]) == 32


def test_nobody_can_forge_the_forwarded_headers(ask: Ask) -> None:
    overwritten = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Request-ID"]
    emptied = ["Forwarded", "Proxy", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Protocol"]
    emptied += ["X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl"]
    ignored = ["X_Forwarded_For", "Script_Name"]
    for path in ["/", "/tagged"]:
        answer = ask(path, headers={name: "forged" for name in overwritten + emptied + ignored})
        assert b"forged" not in answer.body
        assert not {name.lower() for name in emptied} & answer.seen["headers"].keys()
        assert {name.lower() for name in overwritten} <= answer.seen["headers"].keys()


def test_a_location_adds_headers_of_its_own(ask: Ask) -> None:
    assert ask("/tagged").seen["headers"]["x-tag"] == "blue"


def test_a_request_line_that_names_another_host_does_not_mislead(address: str) -> None:
    answer = raw(address, b"GET http://shop.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"evil" not in answer


def test_only_websockets_change_the_protocol(ask: Ask) -> None:
    socket_ = ask("/", headers={"Upgrade": "websocket", "Connection": "Upgrade"}).seen["headers"]
    assert (socket_["upgrade"], socket_["connection"]) == ("websocket", "upgrade")
    other = ask("/", headers={"Upgrade": "h2c", "Connection": "Upgrade"}).seen["headers"]
    assert "upgrade" not in other
    assert other["connection"] == "close"


def test_connections_are_kept_only_where_the_upstream_says_so(ask: Ask) -> None:
    assert ask("/").seen["headers"]["connection"] == "close"
    assert "connection" not in ask("/", site="fleet.example").seen["headers"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/static/app.0123456789ab.js", "public, max-age=31536000, immutable"),
        ("/static/site.css", "no-cache"),
        ("/static/photo-20240101.css", "no-cache"),
        ("/bundles/site.css", "public, max-age=31536000, immutable"),
        # Of the previous release.
        ("/static/app.ba9876543210.js", "public, max-age=31536000, immutable"),
        ("/static/old.css", "no-cache"),
        ("/kept/old.css", "public, max-age=31536000, immutable"),
    ],
)
def test_static_files_say_how_long_they_keep(ask: Ask, path: str, kept: str) -> None:
    answer = ask(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, kept)
    again = ask(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/static/site.css", "/static/old.css", "/static/none.css", "/kept/old.css"])
def test_a_site_s_own_headers_are_on_its_pages_and_on_its_static_files(ask: Ask, path: str) -> None:
    assert ask(path).headers.get_all("X-Frame-Options") == ["DENY"]


def test_static_files_and_pages_are_compressed(host: Any, ask: Ask) -> None:
    for path in ["/static/site.css", "/static/ready.css", "/static/old.css", "/static/app.ba9876543210.js", "/"]:
        answer = ask(path, headers={"Accept-Encoding": "gzip"})
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert gzip.decompress(answer.body)
    for release, file in [("current", "ready.css"), ("previous", "old.css")]:
        ready = host.file(f"/srv/shop/{release}/static/{file}.gz").size
        assert int(ask(f"/static/{file}", headers={"Accept-Encoding": "gzip"}).headers["Content-Length"]) == ready


def test_a_file_of_both_releases_is_the_current_one_s(ask: Ask) -> None:
    assert b"margin: 0" in ask("/static/site.css").body
    assert b"margin: 9" in ask("/static/old.css").body


@pytest.mark.parametrize("path", ["/static/none.0123456789ab.js", "/kept/none.css", "/bundles/old.css"])
def test_a_missing_static_file_does_not_bother_the_application(ask: Ask, path: str) -> None:
    before = ask("/").seen["visit"]
    answer = ask(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (404, None)
    assert ask("/").seen["visit"] == before + 1


def test_a_missing_static_file_is_no_error_in_the_log(host: Any, ask: Ask) -> None:
    since = host.check_output("date +%s.%N")
    for path in ["/static/none.0123456789ab.js", "/kept/none.css", "/bundles/none.css"]:
        assert ask(path).status == 404
    request_id = ask("/").seen["headers"]["x-request-id"]
    wait_until(lambda: request_id in host.check_output(f"journalctl -u nginx --since @{since} -o cat"))
    log = host.check_output(f"journalctl -u nginx --since @{since} -o cat")
    assert log.count('.css HTTP/1.1" 404') == 2
    assert "[error]" not in log


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.css",
        "/static/%2e%2e/secret.css",
        "/static/..%2fsecret.css",
        "/static/%252e%252e/secret.css",
        "/static/folder/../../secret.css",
        "/static/folder%2f..%2f..%2fsecret.css",
        "/static/%0a/../../secret.css",
        "/static/..\\secret.css",
        "/static../secret.css",
        "/static..%2fsecret.css",
        "/.fallback/static/../secret.css",
        "/static/../.fallback/static/old.css",
        "/.fallback/static/old.css",
        "/../../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_static_folder(address: str, path: str) -> None:
    answer = raw(address, f"GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".encode())
    assert b"\r\n\r\nsecret" not in answer
    assert b"margin" not in answer
    assert b"root:" not in answer


def test_a_folder_of_files_is_no_page(ask: Ask) -> None:
    for path, status in {"/static/": 403, "/static/folder": 404, "/static/folder/": 404, "/kept/folder": 404}.items():
        answer = ask(path)
        assert (answer.status, answer.headers["Location"]) == (status, None)
        assert b"fallback" not in answer.body


@pytest.mark.parametrize("site", ["www.shop.example", "shop.example.net", "www.shop.example:8080"])
def test_other_names_redirect_in_one_hop(ask: Ask, site: str) -> None:
    answer = ask("/some/path?a=1&b=%20", site=site)
    port = ":8080" if ":" in site else ""
    assert answer.status == 301
    assert answer.headers["Location"] == f"http://shop.example{port}/some/path?a=1&b=%20"
    assert ask("/some/path", site=f"shop.example{port}").status == 200


@pytest.mark.parametrize("site", ["unknown.example", "shopXexample", "_"])
def test_an_unknown_host_gets_no_answer(ask: Ask, site: str) -> None:
    with pytest.raises(ConnectionResetError):
        ask("/", site=site)


def test_an_address_without_a_name_gets_no_answer(ask: Ask, address: str) -> None:
    with pytest.raises(ConnectionResetError):
        ask("/", site=address)
    with pytest.raises(ConnectionResetError):
        raw(address, b"GET / HTTP/1.0\r\n\r\n")


def test_the_distributions_own_page_is_not_served(host: Any) -> None:
    # By curl's numbers: closed without an answer, or reset.
    assert host.run("curl -s http://127.0.0.1/").rc in (52, 56)
    assert "Welcome to nginx" not in host.check_output("curl -s http://localhost/")


def test_a_dead_application_gets_a_page_that_explains(ask: Ask) -> None:
    for path in ["/", "/report.json"]:
        answer = ask(path, site="dead.example")
        assert answer.status == 502
        assert b"Back in a moment" in answer.body
        assert b"$" not in answer.body
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("10", "no-store")


def test_an_error_of_the_application_is_passed_on(ask: Ask) -> None:
    answer = ask("/own-error")
    assert (answer.status, answer.seen["name"]) == (503, "shop")


def test_an_upstream_shares_the_work_and_the_backup_waits(host: Any, ask: Ask) -> None:
    def names(count: int) -> list[str]:
        found = []
        for _ in range(count):
            found.append(ask("/", site="fleet.example").seen["name"])
            # For an instant nginx counts a server as busy whose answer has arrived already.
            time.sleep(0.02)
        return found

    usual = names(30)
    assert set(usual) == {"one", "two"}
    assert usual.count("one") > usual.count("two")
    try:
        host.check_output("systemctl stop backend@one")
        assert set(names(10)) == {"two"}
        host.check_output("systemctl stop backend@two")
        assert set(names(10)) == {"spare"}
    finally:
        host.check_output("systemctl start backend@one backend@two")
    deadline = time.monotonic() + 30
    while "spare" in (used := names(5)) and time.monotonic() < deadline:
        time.sleep(1)
    assert "spare" not in used


def test_a_get_is_tried_again_and_a_post_never(host: Any, ask: Ask) -> None:
    for method, tries in [("GET", 2), ("POST", 1)]:
        since = host.check_output("date +%s.%N")
        assert ask("/break", method=method).status == 502
        # What is written later is there once this is.
        last = f"visit {ask('/').seen['visit']}"
        log = partial(host.check_output, f"journalctl -u backend@shop --since @{since} -o cat")
        wait_until(partial(has_line, log, last))
        assert log().count(f"{method} broke off") == tries


def test_the_cache_answers_instead_of_the_application(ask: Ask) -> None:
    path = f"/cacheable/{time.time()}"
    first = ask(path, site="cached.example").seen["visit"]
    # nginx keeps an answer once it has sent it.
    wait_until(lambda: ask(path, site="cached.example").seen["visit"] == first, 5)
    secret = ask(path, site="cached.example", headers={"Authorization": "Basic eDp5"}).seen["visit"]
    assert secret > first
    assert ask(path, site="cached.example").seen["visit"] == first
    assert ask(path).seen["visit"] > secret


def test_an_answer_that_has_expired_is_not_shown_while_the_application_is_up(ask: Ask) -> None:
    first = ask("/cacheable-soon", site="cached.example").seen["visit"]
    time.sleep(2.1)
    assert ask("/cacheable-soon", site="cached.example").seen["visit"] > first


def test_a_site_of_two_entries_redirects_from_http_to_https(ask: Ask) -> None:
    answer = ask("/some/path?a=1", site="http2.example")
    assert (answer.status, answer.headers["Location"]) == (301, "https://http2.example/some/path?a=1")


def test_answers_that_say_nothing_about_caching_are_not_kept(ask: Ask) -> None:
    assert ask("/", site="cached.example").seen["visit"] < ask("/", site="cached.example").seen["visit"]


def test_a_hasty_client_is_slowed_down_but_gets_its_files(ask: Ask) -> None:
    assert [ask("/", site="limited.example").status for _ in range(5)].count(429) == 2
    assert {ask("/static/site.css", site="limited.example").status for _ in range(10)} == {200}


def test_bodies_have_a_limit_that_a_site_can_set(ask: Ask) -> None:
    assert ask("/", method="POST", body=b"x" * 3_000_000).seen["length"] == 3_000_000
    assert ask("/", site="fleet.example", method="POST", body=b"x" * 100_000).seen["length"] == 100_000
    assert ask("/", site="fleet.example", method="POST", body=b"x" * 200_000).status == 413


def test_ambiguous_requests_stop_at_nginx(address: str) -> None:
    head = b"POST / HTTP/1.1\r\nHost: shop.example\r\n"
    for lines in [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Host: other.example\r\n",
    ]:
        assert raw(address, head + lines + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_http2_is_spoken_where_it_is_wanted(host: Any) -> None:
    curl = "curl -sk --resolve '*:443:127.0.0.1' -o /dev/null -w '%{http_version} %{http_code}' https://"
    assert host.check_output(curl + "http2.example/") == "2 200"
    assert host.check_output(f"curl --http1.1{curl[4:]}http2.example/") == "1.1 200"
    assert host.run(curl + "unknown.example/").rc == 35  # no handshake


def test_the_access_log_has_the_upstreams_timings_and_the_requests_id(host: Any, ask: Ask) -> None:
    request_id = ask("/logged").seen["headers"]["x-request-id"]
    wait_until(lambda: request_id in host.check_output("journalctl -u nginx -n 100 -o cat"))
    line = host.check_output(f"journalctl -u nginx -o cat | grep {request_id}")
    assert '"GET /logged HTTP/1.1" 200' in line
    assert 'upstream="unix:/srv/shop/current/gunicorn.sock" upstream_status="200"' in line
    for timing in ["connect", "header", "response"]:
        assert float(line.split(f'upstream_{timing}_time="')[1].split('"')[0]) < 5


def test_effective_settings_are_the_ones_asked_for(host: Any) -> None:
    result = host.run("nginx -T")
    assert result.rc == 0
    assert "[warn]" not in result.stderr
    for line in ["server_tokens off;", "proxy_connect_timeout 2s;", "client_max_body_size 10m;"]:
        assert result.stdout.count(line) == 1
    assert "proxy_connect_timeout 5s;" not in result.stdout
    assert "sites-enabled" not in result.stdout


def test_nginx_listens_where_it_must_and_nowhere_else(host: Any) -> None:
    sockets = {line.split()[3] for line in host.check_output("ss -ltnH").splitlines()}
    others = {listening for listening in sockets if listening.endswith(":22") or "127.0.0.11" in listening}
    assert sockets - others == {"0.0.0.0:80", "[::]:80", "0.0.0.0:443", "[::]:443"}


def test_the_sandbox_is_tight_and_no_process_is_root(host: Any) -> None:
    score = host.check_output("systemd-analyze security nginx --no-pager | tail -n 1").split()
    assert float(next(word for word in score if word[0].isdigit())) <= 1.5
    assert set(host.check_output("ps -o user= -C nginx").split()) == {"www-data", "uploader"}


def test_what_runs_is_what_is_installed_and_nothing_waits_for_a_restart(host: Any) -> None:
    started = host.check_output('date -d "$(systemctl show -P ExecMainStartTimestamp nginx)" +%s')
    assert int(started) >= int(host.check_output("stat -c %Z /usr/sbin/nginx"))
    assert not host.file("/run/foobar.webstack/nginx.restart").exists


def test_killed_with_all_force_it_is_back_by_itself(host: Any, ask: Ask) -> None:
    killed = host.check_output("cat /run/nginx/nginx.pid")
    host.check_output(f"kill -9 {killed}")
    wait_until(lambda: host.run("cat /run/nginx/nginx.pid").stdout.strip() not in ("", killed))
    wait_until(lambda: host.run("curl -s -H 'Host: shop.example' localhost").rc == 0)
    assert ask("/").status == 200


def test_it_survives_restart_reload_and_an_upgrade_of_its_binary(host: Any, ask: Ask) -> None:
    for command in ["systemctl restart nginx", "systemctl reload nginx", "invoke-rc.d nginx upgrade"]:
        assert host.run(command).rc == 0
        assert ask("/", method="POST", body=b"x" * 1_000_000).seen["length"] == 1_000_000
        assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled


def test_a_look_at_the_configuration_by_root_breaks_nothing(host: Any, ask: Ask) -> None:
    host.check_output("systemctl stop nginx && nginx -t && systemctl start nginx && nginx -t")
    assert ask("/", method="POST", body=b"x" * 1_000_000).seen["length"] == 1_000_000


def has_line(log: Callable[[], str], line: str) -> bool:
    return line in log().splitlines()


def raw(address: str, request: bytes) -> bytes:
    """Send just these bytes; return what comes back until the connection ends."""
    with socket.create_connection((address, 80), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer

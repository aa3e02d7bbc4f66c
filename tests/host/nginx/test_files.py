"""Applications in the browser, files that an application's users have brought, and connections that stay open."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .conftest import Ask, wait_until

testinfra_hosts = ["ansible://web"]


def test_a_page_that_is_made_in_the_browser_gets_the_index(ask: Ask) -> None:
    for path in ["/", "/users/7", "/users/7/", "/deep/link?tab=1", "/assets/", "/app/", "/app/users/7"]:
        answer = ask(path, site="page.example")
        assert (answer.status, answer.body) == (200, b"page 2\n"), path
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert (answer.headers["Cache-Control"], answer.headers.get_all("X-Frame-Options")) == ("no-cache", ["DENY"])


def test_a_file_that_is_not_there_is_not_the_index(ask: Ask) -> None:
    for path in ["/assets/gone-0Ld1abAB.js", "/favicon.ico", "/.env", "/app/gone.js", "/%2e%2e/x.y"]:
        answer = ask(path, site="page.example")
        assert (answer.status in (400, 404), b"page" in answer.body) == (True, False), path


def test_only_who_reads_gets_the_index(ask: Ask) -> None:
    assert ask("/users/7", site="page.example", method="HEAD").status == 200
    for method in ["POST", "PUT", "DELETE"]:
        answer = ask("/users/7", site="page.example", method=method)
        assert (answer.status in (404, 405), b"page" in answer.body) == (True, False)


def test_the_paths_of_the_application_stay_its_own(ask: Ask) -> None:
    assert ask("/api/users/7", site="page.example").seen["path"] == "/api/users/7"
    assert ask("/api", site="page.example").headers["Location"] == "/api/"


def test_an_open_page_of_the_release_before_finds_its_files(ask: Ask) -> None:
    answer = ask("/assets/index-Old0ld1A.js", site="page.example")
    assert (answer.status, answer.body) == (200, b"1\n")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


# What a build makes: its type, and whether its name has a hash.
BUILT = {
    "/assets/index-Diw4gTda.js": ("application/javascript; charset=utf-8", True),
    "/main-5UAQVAQB.js": ("application/javascript; charset=utf-8", True),
    "/main.3f2a9c1b.js": ("application/javascript; charset=utf-8", True),
    "/assets/app-settings.js": ("application/javascript; charset=utf-8", False),
    "/assets/hero-VERTICAL.svg": ("image/svg+xml", False),
    "/assets/worker.mjs": ("text/javascript; charset=utf-8", False),
    "/module.wasm": ("application/wasm", False),
    "/site.webmanifest": ("application/manifest+json", False),
    "/main.js.map": ("application/json", False),
    "/font.woff2": ("font/woff2", False),
    "/photo.avif": ("image/avif", False),
}


def test_what_a_build_makes_has_its_type_and_is_kept_for_good_by_its_hash(ask: Ask) -> None:
    for path, (kind, is_kept) in BUILT.items():
        answer = ask(path, site="page.example")
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert ("immutable" in answer.headers["Cache-Control"]) == is_kept, path


def test_what_an_application_keeps_to_itself_is_served_and_read_by_nobody_else(host: Any, ask: Ask) -> None:
    for path, text in {"/media/cat.txt": b"a cat\n", "/media/photos/cat.png": b"png\n"}.items():
        answer = ask(path, site="page.example")
        assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (200, text, "no-cache")
    for user in ["www-data", "nobody"]:
        as_user = f"setpriv --reuid {user} --regid {user} --init-groups"
        assert host.run(f"{as_user} cat /srv/page/shared/media/cat.txt").rc == 1
    assert host.run("setpriv --reuid nobody --regid nogroup --clear-groups ls /run/nginx-files-uploader").rc == 2
    assert set(host.check_output("ps -o user= -C nginx").split()) == {"www-data", "uploader"}


def test_a_file_that_is_moved_into_place_with_its_own_mode_is_served_at_once(host: Any, ask: Ask) -> None:
    host.check_output(
        "setpriv --reuid uploader --regid uploader --clear-groups sh -ec 'umask 077; d=/srv/page/shared/media;"
        " echo new > /tmp/upload.$$; mkdir -m 0700 -p $d/new; mv /tmp/upload.$$ $d/new/moved.txt;"
        " chmod 0400 $d/new/moved.txt'"
    )
    assert ask("/media/new/moved.txt", site="page.example").body == b"new\n"


def test_of_uploads_there_is_no_list_no_link_and_no_way_out(ask: Ask) -> None:
    for path in ["/", "/photos", "/photos/", "/link.txt", "/none.txt", "/../private/report.bin"]:
        answer = ask(f"/media{path}", site="page.example")
        assert (answer.status in (403, 404), answer.headers["Location"]) == (True, None), path
        for word in [b"root:", b"/srv", b"0123", b"cat"]:
            assert word not in answer.body


def test_an_upload_is_no_script_of_the_site_and_a_picture_is_shown(ask: Ask) -> None:
    for path, is_closed in {"/media/photos/cat.svg": True, "/media/photos/cat.png": False}.items():
        answer = ask(path, site="page.example")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert ("sandbox; default-src 'none'" in answer.headers.get("Content-Security-Policy", "")) == is_closed
        assert answer.headers["X-Frame-Options"] == "DENY"
    assert ask("/media/cat.txt", site="page.example", method="POST", body=b"x").status == 405


def test_an_upload_is_sent_in_parts_and_not_a_second_time(ask: Ask) -> None:
    part = ask("/media/cat.txt", site="page.example", headers={"Range": "bytes=2-4"})
    assert (part.status, part.body) == (206, b"cat")
    tag = ask("/media/cat.txt", site="page.example").headers["ETag"]
    assert ask("/media/cat.txt", site="page.example", headers={"If-None-Match": tag}).status == 304


def test_a_private_file_is_the_application_s_to_give(ask: Ask) -> None:
    for path in ["/private/report.bin", "/private/", "/private/../private/report.bin"]:
        assert ask(path, site="page.example").status == 404
    answer = ask("/api/download", site="page.example")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers.get_all("Content-Type") == ["application/json"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report.bin"'
    assert answer.headers.get_all("Cache-Control") == ["private, max-age=60"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Accel-Redirect"] is None
    part = ask("/api/download", site="page.example", headers={"Range": "bytes=2-4"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert ask("/api/download/untyped", site="page.example").headers["Content-Type"] == "application/octet-stream"


def test_what_reads_files_comes_back_with_nginx_and_by_itself(host: Any, ask: Ask) -> None:
    for command in [
        "systemctl stop nginx && systemctl start nginx",
        "systemctl restart nginx",
        "systemctl kill --kill-whom=main --signal=KILL nginx-files@uploader && sleep 1",
    ]:
        host.check_output(command)
        wait_until(lambda: ask("/media/cat.txt", site="page.example").status == 200, 20)
    assert host.check_output("systemctl is-enabled nginx-files@uploader") == "enabled"


@contextmanager
def connection(address: str, *lines: str) -> Iterator[socket.socket]:
    """Ask for the stream with some further lines of a head."""
    with socket.create_connection((address, 80), timeout=10) as opened:
        opened.sendall("\r\n".join(["GET /events HTTP/1.1", "Host: page.example", *lines, "", ""]).encode())
        yield opened


def read_until(opened: socket.socket, text: bytes) -> bytes:
    """Return what comes until a text is among it."""
    found = b""
    while text not in found:
        part = opened.recv(4096)
        assert part, found
        found += part
    return found


def test_a_websocket_is_opened_and_outlives_a_reload(host: Any, address: str) -> None:
    with connection(address, "Upgrade: websocket", "Connection: keep-alive, Upgrade") as opened:
        assert read_until(opened, b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        opened.sendall(b"one\n")
        assert read_until(opened, b"one\n")
        host.check_output("systemctl reload nginx")
        opened.sendall(b"two\n")
        assert read_until(opened, b"two\n")


def test_an_event_is_passed_on_as_soon_as_it_is_sent(address: str) -> None:
    with connection(address, "Accept-Encoding: gzip") as opened:
        head = read_until(opened, b"data: 0\n\n")
        since = time.monotonic()
        read_until(opened, b"data: 3\n\n")
        # Four events are far from a buffer.
        assert time.monotonic() - since < 5
        assert b"Content-Encoding" not in head

"""The load client tells lost requests from those that any client would repeat, and a good server loses none.

The server misbehaves on purpose, each path in its own way.
"""

from __future__ import annotations

import json
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests import playbook
from tests.load.load import Kind, Load, Request, summarise
from tests.unit.tls_authority import Authority

ROOT = Path(__file__).parents[2]

HOST = "shop.example"


class Server(ThreadingHTTPServer):
    """A server that remembers the tokens it was sent, and answers /gate while its gate is open."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen at a free port of this machine."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.tokens: Counter[str] = Counter()
        self.hosts: set[str] = set()
        self.gate = threading.Event()
        self.slow = self.most_slow = 0
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """Keep the tests' output free of connections that were broken on purpose."""


class Handler(BaseHTTPRequestHandler):
    """One connection, and how many requests were made on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    count = 0

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer as the path wants it."""
        self.count += 1
        self.server.hosts.add(self.headers["Host"])
        length = int(self.headers.get("Content-Length", 0))
        for token in parse_qs(self.rfile.read(length).decode()).get("token", []):
            with self.server.lock:
                self.server.tokens[token] += 1
        name = self.path.partition("?")[0].strip("/").replace("-", "_")
        getattr(self, f"do_{name or 'good'}")()

    do_POST = do_GET

    def answer(self, status: int = 200, body: bytes = b"good", length: int | None = None) -> None:
        """Send a whole answer, or one that promises more than it holds."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    do_good = answer

    def do_staying(self) -> None:
        """Leave the connection open, even if the client won't need it any more."""
        self.answer()
        self.close_connection = False

    def do_broken(self) -> None:
        """Fail as an application does."""
        self.answer(500)

    def do_elsewhere(self) -> None:
        """Lead to another page."""
        self.answer(303)

    def do_moved(self) -> None:
        """Lead to HTTPS."""
        self.send_response(301)
        self.send_header("Location", f"https://{HOST}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_truncated(self) -> None:
        """End in the middle of the body."""
        self.answer(length=10)
        self.close_connection = True

    def do_closing(self) -> None:
        """Close the connection after the answer, without having said so."""
        self.answer()
        self.close_connection = True

    def do_reset(self) -> None:
        """Close the connection without an answer, whether it was new or not."""
        self.close_connection = True

    def do_race(self) -> None:
        """Answer the first request on a connection, and close it when the second one has come."""
        if self.count == 1:
            self.answer()
        else:
            self.close_connection = True

    def do_half_race(self) -> None:
        """Reset the connection in the middle of the second answer."""
        if self.count == 1:
            self.answer()
        else:
            self.answer(length=10)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def do_last_race(self) -> None:
        """Answer the first request on a connection, and no other one after it on whichever."""
        if self.server.gate.is_set():
            self.close_connection = True
        else:
            self.server.gate.set()
            self.answer()

    def do_gate(self) -> None:
        """Answer when the gate is open."""
        self.server.gate.wait(5)
        self.answer()

    def do_slow(self) -> None:
        """Answer after a while, and count how many wait for it at once."""
        with self.server.lock:
            self.server.slow += 1
            self.server.most_slow = max(self.server.most_slow, self.server.slow)
        time.sleep(0.1)
        with self.server.lock:
            self.server.slow -= 1
        self.answer()


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def secure(server: Server, tmp_path: Path) -> ssl.SSLContext:
    """Have the server speak TLS, and return a context that trusts its CA."""
    authority = Authority(tmp_path)
    (tmp_path / "site.pem").write_text(authority.issue(HOST))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "site.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return ssl.create_default_context(cafile=str(tmp_path / "root.pem"))


def load(server: Server, *kinds: Kind, **settings: Any) -> Load:
    """Return a load of a few workers."""
    address = ("127.0.0.1", server.server_port)
    return Load(address, HOST, dict.fromkeys(kinds, 1.0), **{"workers": 4, "rate": 200.0, "timeout": 2.0, **settings})


wait_for = partial(playbook.wait_for, seconds=60, pause=0.002)


def drive(server: Server, *kinds: Kind, seconds: float | None = None, **settings: Any) -> dict[str, Any]:
    """Return the summary of a load of so many seconds, or else of some twenty requests as soon as can be."""
    with load(server, *kinds, **({"rate": 1000.0} if seconds is None else {}), **settings) as requests:
        if seconds is None:
            wait_for(lambda: len(requests.requests) >= 20)
        else:
            time.sleep(seconds)
    return requests.summary()


def ask(server: Server, kind: Kind, times: int = 1, **settings: Any) -> Request:
    """Return the last of some requests on a connection that is kept alive."""
    requests = load(server, kind, **settings)
    connection = requests.connection()
    for _ in range(times):
        request = requests.ask(connection, kind, kept=True)
    connection.close()
    return request


def test_a_correct_server_loses_nothing(server: Server) -> None:
    with load(server, Kind("GET", "/"), Kind("POST", "/"), Kind("GET", "/slow", slow=True), rate=1000.0) as requests:
        wait_for(lambda: len(requests.requests) > 20 and requests.tokens())
    summary = requests.summary()
    assert summary["failed"] == summary["raced"] == 0
    assert summary["failures"] == {}
    assert len(requests.requests) == summary["requests"] > 20
    assert server.hosts == {HOST}
    assert len(requests.tokens()) == summary["posts_acknowledged"] > 0
    assert dict(server.tokens) == dict.fromkeys(requests.tokens(), 1)


def test_half_of_the_workers_keep_their_connections_and_the_others_make_one_for_each_request(server: Server) -> None:
    with load(server, Kind("GET", "/staying"), rate=1000.0) as requests:
        wait_for(lambda: len(requests.requests) >= 40)
    kept = [request for request in requests.requests if request.kept]
    assert 0.2 < len(kept) / len(requests.requests) < 0.8
    assert sum(not request.reused for request in kept) == 2
    assert not any(request.reused for request in requests.requests if not request.kept)


def test_all_workers_together_keep_to_the_rate(server: Server) -> None:
    assert 5 <= drive(server, Kind("GET", "/"), rate=50.0, seconds=0.5)["requests"] <= 26


def test_what_a_slow_server_has_held_up_is_not_made_up_for_in_a_burst(server: Server) -> None:
    requests = load(server, Kind("GET", "/"))
    now = time.monotonic()
    requests.turn = now - 10
    assert requests.next_turn() >= now


def test_some_workers_are_left_for_short_requests_when_many_are_slow(server: Server) -> None:
    summary = drive(server, Kind("GET", "/"), *(Kind("GET", f"/slow?{n}", slow=True) for n in range(20)), seconds=0.3)
    assert server.most_slow == 2
    assert summary["requests"] - summary["slow"] > 5


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/broken", "status 500"),
        ("/elsewhere", "status 303"),
        ("/truncated", "IncompleteRead: IncompleteRead(4 bytes read, 6 more expected)"),
        ("/reset", "Unanswered: closed without an answer"),
        ("/gate", "TimeoutError: timed out"),
    ],
)
def test_what_is_no_whole_answer_with_the_right_status_is_a_failure(server: Server, path: str, error: str) -> None:
    summary = drive(server, Kind("GET", path), retry=True, timeout=0.05 if path == "/gate" else 30)
    assert summary["failed"] == summary["requests"] > 0
    assert summary["raced"] == 0
    assert summary["failures"] == {error: summary["failed"]}
    assert summary["p50"] is None


def test_a_redirect_that_is_expected_is_no_failure(server: Server) -> None:
    assert drive(server, Kind("POST", "/elsewhere"), expect=[303])["failed"] == 0


def test_nobody_at_the_address_is_a_failure(server: Server) -> None:
    nobody = load(server, Kind("GET", "/"))
    nobody.address = ("127.0.0.2", server.server_port)
    with nobody:
        wait_for(lambda: nobody.requests)
    (error,) = nobody.summary()["failures"]
    assert "refused" in error


def test_a_connection_that_was_closed_while_nothing_was_under_way_is_replaced(server: Server) -> None:
    with load(server, Kind("GET", "/closing"), rate=40.0, workers=2) as requests:
        wait_for(lambda: len(requests.requests) >= 8)
    summary = requests.summary()
    assert summary["failed"] == summary["raced"] == summary["reused"] == 0
    assert any(request.kept for request in requests.requests)


def test_a_kept_connection_that_is_closed_instead_of_an_answer_is_a_race_and_no_failure(server: Server) -> None:
    request = ask(server, Kind("GET", "/race"), times=2)
    assert (request.raced, request.retried, request.failed) == (True, False, False)
    assert request.error == "Unanswered: closed without an answer"
    summary = drive(server, Kind("GET", "/race"))
    assert summary["raced"] > summary["raced_retried_ok"] == summary["failed"] == 0


def test_a_get_that_raced_is_retried_once_on_a_new_connection(server: Server) -> None:
    request = ask(server, Kind("GET", "/race"), times=2, retry=True)
    assert (request.raced, request.retried, request.error, request.status) == (True, True, "", 200)
    summary = drive(server, Kind("GET", "/race"), retry=True)
    assert summary["raced"] == summary["raced_retried_ok"] > summary["failed"] == 0


def test_a_retry_that_is_not_answered_either_is_a_failure(server: Server) -> None:
    request = ask(server, Kind("GET", "/last-race"), times=2, retry=True)
    assert (request.raced, request.retried, request.failed) == (True, True, True)


def test_an_answer_that_breaks_off_after_its_first_bytes_is_no_race(server: Server) -> None:
    request = ask(server, Kind("GET", "/half-race"), times=2, retry=True)
    assert (request.reused, request.raced, request.failed) == (True, False, True)
    assert request.error.startswith("ConnectionResetError")


def test_a_kept_connection_without_an_answer_in_time_is_no_race(server: Server) -> None:
    requests = load(server, retry=True, timeout=0.1)
    connection = requests.connection()
    requests.ask(connection, Kind("GET", "/"), kept=True)
    request = requests.ask(connection, Kind("GET", "/gate"), kept=True)
    assert (request.reused, request.raced, request.failed) == (True, False, True)


def test_a_post_that_raced_is_not_retried_and_not_acknowledged_unless_that_is_wanted(server: Server) -> None:
    request = ask(server, Kind("POST", "/race"), times=2, retry=True)
    assert (request.raced, request.retried) == (True, False)
    assert server.tokens[request.token] == 1
    request = ask(server, Kind("POST", "/race"), times=2, retry_post=True)
    assert (request.raced, request.retried, request.error) == (True, True, "")
    assert server.tokens[request.token] == 2
    summary = drive(server, Kind("POST", "/race"))
    assert summary["posts_acknowledged"] == summary["requests"] - summary["raced"]


def test_a_pause_of_the_server_is_seen(server: Server) -> None:
    server.gate.set()
    with load(server, Kind("GET", "/gate")) as requests:
        wait_for(lambda: len(requests.requests) >= 20)
        server.gate.clear()
        time.sleep(0.4)
        before = len(requests.requests)
        server.gate.set()
        wait_for(lambda: len(requests.requests) >= before + 8)
    summary = requests.summary()
    assert summary["failed"] == 0
    assert 0.3 < summary["longest_pause"] < 0.6
    assert summary["p50"] < 0.3 < summary["worst"]


def short(start: float, duration: float, **values: Any) -> Request:
    """Return a short request of so many seconds."""
    request = Request(1e9 + start, start, "GET", "/", slow=False, kept=True, reused=True, duration=duration)
    for name, value in values.items():
        setattr(request, name, value)
    return request


def test_latencies_are_those_of_short_requests_that_succeeded() -> None:
    good = [short(n / 100, (n + 1) / 1000) for n in range(100)]
    others = [short(0, 9, slow=True), short(0, 8, error="status 500")]
    summary = summarise([*others, *good], begin=0, end=1)
    assert (summary["p50"], summary["p99"], summary["worst"]) == (0.05, 0.099, 0.1)


def test_a_pause_lasts_from_success_to_success_or_to_the_end_of_the_load() -> None:
    requests = [short(1, 0.5), short(2, 0.1, error="status 502"), short(3, 0.5), short(2, 0.1, slow=True)]
    assert summarise(requests, begin=0, end=4)["longest_pause"] == 2
    assert summarise(requests, begin=0, end=7)["longest_pause"] == 3.5
    assert summarise([], begin=0, end=2)["longest_pause"] == 2


def command(server: Server, *options: str | Path) -> list[str]:
    """Return the command line of a load of a few workers."""
    url = f"http://127.0.0.1:{server.server_port}/"
    script = str(ROOT / "tests/load/load.py")
    return [sys.executable, script, url, f"--host={HOST}", "--workers=4", "--rate=100", *map(str, options)]


def test_the_command_writes_summary_failures_and_tokens(server: Server, tmp_path: Path) -> None:
    files = ("--failures", tmp_path / "failures", "--tokens", tmp_path / "tokens")
    options = ("--get", "/broken", "--post", "/", "--slow", "/slow?seconds=5", "--weights", "1", "5", "1", "0")
    result = subprocess.run(command(server, "--seconds=1", *options, *files), capture_output=True, text=True)
    summary = json.loads(result.stdout)
    assert result.stderr == ""
    assert result.returncode == 1
    # No more than the rate; how many there are is the machine's business.
    assert 0 < summary["requests"] < 110
    failures = [json.loads(row) for row in (tmp_path / "failures").read_text().splitlines()]
    assert summary["failures"] == {"status 500": len(failures)}
    assert {(row["path"], row["status"], row["failed"]) for row in failures} == {("/broken", 500, True)}
    assert all(row["time"].endswith("+00:00") for row in failures)
    tokens = (tmp_path / "tokens").read_text().split()
    assert len(tokens) == summary["posts_acknowledged"]
    assert dict(server.tokens) == dict.fromkeys(tokens, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_at_a_signal_and_still_says_what_it_saw(server: Server, number: signal.Signals) -> None:
    with subprocess.Popen(command(server, "--get=/"), stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: server.hosts)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(output)["requests"] > 0


@pytest.mark.parametrize(
    ("url", "option", "words"),
    [("https://127.0.0.1/", "--get=/", "http://"), ("http://127.0.0.1/", "--slow=/slow", "--get or --post is needed")],
)
def test_a_load_that_could_prove_nothing_is_refused(url: str, option: str, words: str) -> None:
    arguments = [sys.executable, str(ROOT / "tests/load/load.py"), url, option]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 2
    assert words in result.stderr


def test_requests_over_tls_are_answered_on_new_and_kept_connections(server: Server, secure: ssl.SSLContext) -> None:
    summary = drive(server, Kind("GET", "/"), Kind("POST", "/"), context=secure)
    assert summary["failed"] == summary["raced"] == 0
    assert 0 < summary["reused"] < summary["requests"]


def test_a_kept_connection_over_tls_that_is_closed_instead_of_an_answer_is_a_race(
    server: Server, secure: ssl.SSLContext
) -> None:
    request = ask(server, Kind("GET", "/race"), times=2, context=secure, retry=True)
    assert (request.raced, request.retried, request.error, request.status) == (True, True, "", 200)


def test_a_certificate_that_is_not_trusted_is_a_failure(server: Server, secure: ssl.SSLContext) -> None:
    request = ask(server, Kind("GET", "/"), context=ssl.create_default_context())
    assert request.failed
    assert "CERTIFICATE_VERIFY_FAILED" in request.error


def test_a_redirect_that_leads_to_nothing_good_is_a_failure(server: Server) -> None:
    def refuse(location: str) -> None:
        raise ssl.SSLError(f"no trust in {location}")

    request = ask(server, Kind("GET", "/moved"), expect=[301], follow=refuse)
    assert (request.status, request.failed) == (301, True)
    assert "no trust in https://shop.example/" in request.error
    assert not ask(server, Kind("GET", "/moved"), expect=[301]).failed

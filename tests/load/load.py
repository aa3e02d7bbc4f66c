#!/usr/bin/env python3
"""Drive a site with requests and tell which of them were lost.

load.py http://198.18.55.20/ --host shop.example --get / --post /entries --slow '/slow?seconds=5' --seconds 30

Without --seconds it goes on until SIGTERM or SIGINT. The summary goes to stdout as JSON, each failure to stderr or a
file as a line of JSON when it happens. The exit status is 1 if a request failed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import select
import signal
import ssl
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

# Options that are settings of Load.
SETTINGS = ("workers", "rate", "timeout", "expect", "retry", "retry_post")
# What is raised on a connection that the other end has closed; TLS has errors of its own for it.
GONE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Unanswered(ConnectionError):
    """A connection was closed before a byte of the answer came."""


class Answer(HTTPResponse):
    """An answer that raises Unanswered where the connection was closed before its first byte."""

    def begin(self) -> None:
        """Read the status and the headers, unless that was done before."""
        if self.headers is None:
            try:
                first = self.fp.peek(1)
            except GONE as error:
                raise Unanswered(f"closed without an answer: {error}") from error
            if not first:
                raise Unanswered("closed without an answer")
        super().begin()


class Connection(HTTPConnection):
    """A connection to an address, over TLS where there is a context, by which the certificate of a host is checked."""

    response_class = Answer

    def __init__(self, address: tuple[str, int], host: str, timeout: float, context: ssl.SSLContext | None) -> None:
        """Take the address, the host without a port, and the time in seconds after which a silent server has failed."""
        super().__init__(*address, timeout=timeout)
        self.server_name, self.context = host, context

    def connect(self) -> None:
        """Connect; raise ssl.SSLError where the context refuses the certificate."""
        super().connect()
        if self.context:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.server_name)


@dataclass(frozen=True)
class Kind:
    """One kind of request; a slow one is left out of the latencies."""

    method: str
    path: str
    slow: bool = False


@dataclass
class Request:
    """What became of a request: `time` is seconds since the epoch, `start` of the monotonic clock, `status` 0 if none.

    Raced is a request on a kept-alive connection that the server closed before it sent a byte of the answer. Ordinary
    clients send such a request once more, so unless that is done and fails, too, it doesn't count as failed.
    """

    time: float
    start: float
    method: str
    path: str
    slow: bool
    kept: bool
    reused: bool
    token: str = ""
    duration: float = 0.0
    status: int = 0
    error: str = ""
    raced: bool = False
    retried: bool = False

    @property
    def failed(self) -> bool:
        """Tell whether a visitor would have seen an error."""
        return bool(self.error) and (self.retried or not self.raced)


def iso(moment: float) -> str:
    """Return seconds since the epoch as the journal has them: UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def line(request: Request) -> str:
    """Return a request as a line of JSON that begins with its time."""
    return json.dumps({**asdict(request), "time": iso(request.time), "failed": request.failed})


def percentile(durations: Sequence[float], share: float) -> float | None:
    """Return the smallest of the sorted durations that so large a share of them does not exceed; None if none is."""
    return round(durations[math.ceil(share * len(durations)) - 1], 4) if durations else None


def summarise(requests: Collection[Request], begin: float, end: float) -> dict[str, Any]:
    """Return counts, and seconds of the short requests that succeeded, between two moments of the monotonic clock.

    The longest pause is the longest interval in which no short request was completed with success.
    """
    good = [request for request in requests if not request.slow and not request.error]
    durations = sorted(request.duration for request in good)
    moments = sorted([begin, end, *(request.start + request.duration for request in good)])
    pause, since = max((after - before, before) for before, after in pairwise(moments))
    return {
        "requests": len(requests),
        "slow": sum(request.slow for request in requests),
        "reused": sum(request.reused for request in requests),
        "failed": sum(request.failed for request in requests),
        "raced": sum(request.raced for request in requests),
        "raced_retried_ok": sum(request.retried and not request.error for request in requests),
        "posts_acknowledged": sum(bool(request.token) and not request.error for request in requests),
        "p50": percentile(durations, 0.5),
        "p99": percentile(durations, 0.99),
        "worst": percentile(durations, 1),
        "longest_pause": round(pause, 4),
        "longest_pause_since": iso(time.time() - time.monotonic() + since),
        "failures": dict(Counter(request.error for request in requests if request.failed)),
    }


@dataclass
class Load:
    """Requests to one address while the context lasts; half of the workers keep their connections alive.

    `kinds` has what to ask for and how often beside the others, `rate` is in requests per second, `timeout` in seconds,
    `expect` has the statuses beside 2xx that are a success. `report` gets each request that failed or raced, one at a
    time. With `context` they go over TLS, and a certificate that it refuses is a failure; `follow` gets where each
    redirect leads, and an OSError of its is the request's.

    At most half of the workers wait for slow answers at a time: with all of them waiting, no short request would be
    under way, and that would look like a pause of the site.
    """

    address: tuple[str, int]
    host: str
    kinds: Mapping[Kind, float]
    workers: int = 16
    rate: float = 100.0
    timeout: float = 30.0
    expect: Collection[int] = ()
    retry: bool = False
    retry_post: bool = False
    context: ssl.SSLContext | None = None
    follow: Callable[[str], object] = lambda location: None
    report: Callable[[Request], object] = lambda request: None
    requests: list[Request] = field(default_factory=list, init=False)
    stop: threading.Event = field(default_factory=threading.Event, init=False)
    lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __enter__(self) -> Load:
        """Start the workers."""
        self.slots = threading.Semaphore(self.workers // 2)
        self.begin = self.turn = time.monotonic()
        self.threads = [threading.Thread(target=self.work, args=(n % 2 == 0,)) for n in range(self.workers)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Make no more requests, and wait until those under way are answered or time out."""
        self.stop.set()
        self.end = time.monotonic()
        for thread in self.threads:
            thread.join()

    def summary(self) -> dict[str, Any]:
        """Return the summary of all requests, once they have come to their end."""
        return summarise(self.requests, self.begin, self.end)

    def tokens(self) -> list[str]:
        """Return the tokens of the posts that were acknowledged."""
        return [request.token for request in self.requests if request.token and not request.error]

    def connection(self) -> Connection:
        """Return a connection for requests, which is made with the first one."""
        return Connection(self.address, self.host.partition(":")[0], self.timeout, self.context)

    def work(self, kept: bool) -> None:
        """Make requests, one at a time, until told to stop."""
        connection = self.connection()
        while not self.stop.wait(self.next_turn() - time.monotonic()):
            kind = self.choose()
            slot = kind.slow and self.slots.acquire(blocking=False)
            while kind.slow and not slot:
                kind = self.choose()
            request = self.ask(connection, kind, kept)
            if slot:
                self.slots.release()
            with self.lock:
                self.requests.append(request)
                if request.error or request.raced:
                    self.report(request)
        connection.close()

    def choose(self) -> Kind:
        """Return one of the kinds, by chance and their weights."""
        return random.choices(list(self.kinds), list(self.kinds.values()))[0]

    def next_turn(self) -> float:
        """Return when the next request may be made; what a slow server has held up is not made up for in a burst."""
        with self.lock:
            self.turn = max(self.turn + 1 / self.rate, time.monotonic())
            return self.turn

    def ask(self, connection: HTTPConnection, kind: Kind, kept: bool) -> Request:
        """Make a request, once more if it raced and may be retried, and return what became of it."""
        # Whatever an idle connection has to say is that it was closed, which every client notices before it uses it.
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        reused = connection.sock is not None
        token = str(uuid.uuid4()) if kind.method == "POST" else ""
        request = Request(time.time(), time.monotonic(), kind.method, kind.path, kind.slow, kept, reused, token)
        self.attempt(connection, request)
        if request.raced and (self.retry_post if request.token else self.retry):
            request.retried = True
            self.attempt(connection, request)
        request.duration = time.monotonic() - request.start
        if not kept:
            connection.close()
        return request

    def attempt(self, connection: HTTPConnection, request: Request) -> None:
        """Send a request and read all of the answer, and note its status, its error and whether it raced."""
        reused, sent = connection.sock is not None, False
        headers = {"Host": self.host, "Connection": "keep-alive" if request.kept else "close"}
        if request.token:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.error = ""
        try:
            body = urlencode({"token": request.token}) if request.token else None
            connection.request(request.method, request.path, body, headers)
            sent = True
            response = connection.getresponse()
            request.status = response.status
            response.read()
            if "Location" in response.headers:
                self.follow(response.headers["Location"])
        except (OSError, HTTPException) as error:
            connection.close()
            request.error = f"{type(error).__name__}: {error}"
            unanswered = isinstance(error, Unanswered) or (not sent and isinstance(error, GONE))
            request.raced = request.raced or (reused and unanswered)
        else:
            if not (200 <= request.status < 300 or request.status in self.expect):
                request.error = f"status {request.status}"


def main() -> None:
    """Read the command line and make the requests that it wants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("url", help="address to connect to; its path is not used")
    add("--host", help="Host header, unless it is the address")
    add("--get", type=lambda path: Kind("GET", path), metavar="PATH", help="short GET requests")
    add("--post", type=lambda path: Kind("POST", path), metavar="PATH", help="short POSTs, with a form field `token`")
    add("--slow", type=lambda path: Kind("GET", path, True), metavar="PATH", help="GETs answered after seconds")
    add("--slow-post", type=lambda path: Kind("POST", path, True), metavar="PATH", help="POSTs answered after seconds")
    add("--weights", type=float, nargs=4, default=[60, 38, 1, 1], metavar="N", help="of these four (60 38 1 1)")
    add("--workers", type=int, default=16)
    add("--rate", type=float, default=100.0, help="requests per second of all workers together (100)")
    add("--seconds", type=float, help="how long; until SIGTERM or SIGINT unless given")
    add("--timeout", type=float, default=30.0, help="seconds without a byte until a request fails (30)")
    add("--expect", type=int, nargs="+", default=[], metavar="STATUS", help="beside 2xx a success, such as 303")
    add("--retry", action="store_true", help="retry a GET that raced, once, on a new connection")
    add("--retry-post", action="store_true", help="retry a POST that raced, too, which may double its row")
    add("--failures", type=Path, metavar="FILE", help="lines of requests that failed or raced, instead of stderr")
    add("--tokens", type=Path, metavar="FILE", help="tokens of the posts that were acknowledged, one a line")
    options = parser.parse_args()
    url = urlsplit(options.url)
    if url.scheme != "http" or url.hostname is None:
        parser.error("the address must begin with http://")
    kinds = dict(zip([options.get, options.post, options.slow, options.slow_post], options.weights, strict=True))
    kinds.pop(None, None)
    if not any(weight > 0 for kind, weight in kinds.items() if not kind.slow):
        parser.error("--get or --post is needed: without short requests no pause can be seen")

    # The workers inherit the mask, so a signal comes when it is waited for, and interrupts nothing.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    failures = options.failures.open("w") if options.failures else sys.stderr
    settings = {name: getattr(options, name) for name in SETTINGS}
    load = Load((url.hostname, url.port or 80), options.host or url.netloc, kinds, **settings)
    load.report = lambda request: print(line(request), file=failures, flush=True)
    with load:
        if options.seconds is None:
            signal.sigwait(signals)
        else:
            signal.sigtimedwait(signals, options.seconds)
    if options.tokens:
        options.tokens.write_text("".join(f"{token}\n" for token in load.tokens()))
    summary = load.summary()
    print(json.dumps(summary, indent=2))
    sys.exit(summary["failed"] != 0)


if __name__ == "__main__":
    main()

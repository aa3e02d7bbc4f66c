"""A tiny application behind a unix socket that tells what reached it."""

import http.server
import itertools
import json
import os
import socketserver
import sys
import time

path, name = sys.argv[1:]
visits = itertools.count(1)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer every method; the path chooses how."""

    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        """Name the peer, who has no address on a unix socket."""
        return "nginx"

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/break":
            self.close_connection = True
            print(name, self.command, "broke off", flush=True)
            return
        if self.path == "/events":
            return self.stream()
        visit = next(visits)
        print("visit", visit, flush=True)
        seen = {
            "name": name,
            "visit": visit,
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "length": len(body),
            "padding": "x" * 1000,
        }
        page = json.dumps(seen).encode()
        self.send_response(503 if self.path == "/own-error" else 200)
        if self.path != "/api/download/untyped":
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(page)))
        if self.path.startswith("/api/download"):
            self.send_header("X-Accel-Redirect", "/private/report.bin")
            self.send_header("Content-Disposition", 'attachment; filename="report.bin"')
            self.send_header("Cache-Control", "private, max-age=60")
        if self.path.startswith("/cacheable"):
            self.send_header("Cache-Control", "max-age=1" if "soon" in self.path else "max-age=60")
        if self.path == "/own-hsts":
            self.send_header("Strict-Transport-Security", "max-age=1")
        self.end_headers()
        self.wfile.write(page)

    def stream(self) -> None:
        """Speak like a WebSocket that returns what it gets, or send events until nobody listens."""
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            while part := self.rfile.readline():
                self.wfile.write(part)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for number in itertools.count():
                self.wfile.write(f"data: {number}\n\n".encode())
                time.sleep(0.3)
        self.close_connection = True

    do_GET = do_POST = answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A server that leaves its socket to nginx's group."""

    daemon_threads = True


if os.path.exists(path):
    os.unlink(path)
os.umask(0o117)
Server(path, Handler).serve_forever()

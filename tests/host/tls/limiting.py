"""Be an ACME CA that refuses every request for two hours. Its address and port are given."""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
PLACES = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
DIRECTORY = {name: f"https://{ADDRESS}:{PORT}/{name}" for name in PLACES}
REFUSAL = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many registrations", "status": 429}


class Limiting(BaseHTTPRequestHandler):
    """The CA."""

    def answer(self, status: int, told: dict[str, object], headers: dict[str, str]) -> None:
        """Answer with JSON."""
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Replay-Nonce": "bm9uY2U", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        """Tell where everything is."""
        self.answer(200, DIRECTORY, {})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Refuse."""
        self.answer(429, REFUSAL, {"Retry-After": "7200", "Content-Type": "application/problem+json"})


server = ThreadingHTTPServer(("", PORT), Limiting)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/pebble/pebble.pem", "/etc/pebble/pebble.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

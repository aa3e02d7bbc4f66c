"""Pass requests on to a web server, but not its own: so a router treats the servers behind it. Its address is given."""

import http.client
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INSIDE = sys.argv[1]


class Router(BaseHTTPRequestHandler):
    """The router."""

    def do_GET(self) -> None:
        """Pass a request on, or close the connection without an answer."""
        if self.client_address[0] == INSIDE:
            return
        inside = http.client.HTTPConnection(INSIDE)
        inside.request("GET", self.path, headers={"Host": self.headers["Host"]})
        answer = inside.getresponse()
        self.send_response(answer.status)
        self.end_headers()
        self.wfile.write(answer.read())


ThreadingHTTPServer(("", 80), Router).serve_forever()

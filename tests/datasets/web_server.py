"""A local web server with answers that a test sets."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server that answers a request of a path with the function `answers[path]`.

    The function is called with the request's handler and number. `requests` counts the requests of each path.
    `stopping` is set at the end of a test and ends answers that wait.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests = {}, {}
        self.stopping = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Ignore clients that close the connection."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        count = self.server.requests[self.path] = self.server.requests.get(self.path, 0) + 1
        self.server.answers.get(self.path, send_not_found)(self, count)

    def log_message(self, *args):
        """Print nothing."""


def send_not_found(handler, _count):
    handler.send_error(404)


def send(handler, data, *, length=None):
    """Send data with the Content-Length `length`, by default that of the data; False sends no Content-Length."""
    handler.send_response(200)
    if length is not False:
        handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)

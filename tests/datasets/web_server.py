"""A local web server whose answers a test sets."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server with a function for each path in `answers`, called with the request's handler and the request's number.

    `requests` counts the requests per path. `stopping` is set at the end of a test, for answers that wait.
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
    """Send data, with its length or another one as Content-Length, or without for False."""
    handler.send_response(200)
    if length is not False:
        handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)

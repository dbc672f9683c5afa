"""A web server on this machine that answers as a test tells it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Answers by `answers`, from a path to a function of the request's handler and how often it has been asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.ranges = {}, {}, []
        self.stopping = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is no error here."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        times = self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        self.server.ranges.append(self.headers.get("Range"))
        self.server.answers.get(self.path, missing)(self, times)

    def log_message(self, *args):
        """Quiet."""


def missing(handler, _times):
    handler.send_error(404)


def send(handler, data, *, status=200, length=None, headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    if length is not False:
        handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)

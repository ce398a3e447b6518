"""The HTTP server behind /metrics: threaded, on the first free port of a range, never in the way of work."""

import errno
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from tutormax import log, metrics

_log = log.get(__name__)
SLOWEST_READER_SECONDS = 10


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = False


class _Handler(WSGIRequestHandler):
    # A scraper that never finishes reading holds one thread for this long, and nothing else.
    timeout = SLOWEST_READER_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: a line for every scrape helps nobody."""


def serve_metrics(host: str, ports: str) -> int | None:
    """Answer /metrics on the first free port of a range like 9400-9463; return it, or None when none is free."""
    first, _, last = ports.partition("-")
    for port in range(int(first), int(last or first) + 1):
        try:
            server = _Server((host, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        server.set_app(make_wsgi_app(metrics.REGISTRY))
        Thread(target=server.serve_forever, name="tutormax-metrics", daemon=True).start()
        return port
    _log.error("no metrics: every port of the range is taken", ports=ports)
    return None

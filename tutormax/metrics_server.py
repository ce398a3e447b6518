"""The HTTP server behind /metrics and the probes: threaded, on the first free port of a range, never in work's way."""

import errno
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread, Timer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app

from tutormax import log, metrics

_log = log.get(__name__)

SLOWEST_READER_SECONDS = 10.0
MOST_READERS = 8

# Answers with whether all is well, and with what is to be said of it; given the query string.
Page = Callable[[str], tuple[bool, object]]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # A restart must not wait for the connections of the process before; two listeners of one port remain refused.
    allow_reuse_address = True

    def __init__(self, *args: Any) -> None:
        self._room = BoundedSemaphore(MOST_READERS)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or hang up when too many are being answered."""
        if not self._room.acquire(blocking=False):
            metrics.METRICS_FAULTS.inc()
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, for so long and no longer: whoever reads on for ever is hung up on."""
        limit = Timer(SLOWEST_READER_SECONDS, _hang_up, [request])
        limit.daemon = True
        limit.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            limit.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Count it; a scraper that went away is no news."""
        metrics.METRICS_FAULTS.inc()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = SLOWEST_READER_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: a line for every scrape helps nobody."""


def _hang_up(request: socket.socket) -> None:
    # Here: wsgiref keeps to itself that the connection broke.
    metrics.METRICS_FAULTS.inc()
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


def serve(host: str, ports: str, registry: CollectorRegistry, pages: Mapping[str, Page]) -> int | None:
    """Answer /metrics and some pages on the first free port of a range like 9400-9463; return it, or None."""
    first, _, last = ports.partition("-")
    for port in range(int(first), int(last or first) + 1):
        try:
            server = (_Server6 if ":" in host else _Server)((host, port), _Handler)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            _log.warning("no port for metrics", host=host, port=port, error=str(error))
            return None
        server.set_app(_application(registry, pages))
        Thread(target=server.serve_forever, name="tutormax-metrics", daemon=True).start()
        return port
    return None


def _application(registry: CollectorRegistry, pages: Mapping[str, Page]) -> WSGIApplication:
    scraped: WSGIApplication = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        try:
            if path == "/metrics":
                return scraped(environ, start_response)
            return _page(pages, path, str(environ.get("QUERY_STRING", "")), start_response)
        except Exception as error:  # noqa: BLE001  # told once here, and whoever asked sees a 500
            metrics.METRICS_FAULTS.inc()
            _log.warning("no answer", path=path, error=str(error), error_type=type(error).__name__)
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]

    return answer


def _page(pages: Mapping[str, Page], path: str, query: str, start_response: StartResponse) -> Iterable[bytes]:
    page = pages.get(path)
    well, said = (False, {"pages": ["/metrics", *pages]}) if page is None else page(query)
    status = "404 Not Found" if page is None else "200 OK" if well else "503 Service Unavailable"
    body = orjson.dumps(said, default=str)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

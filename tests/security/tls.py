"""A TLS endpoint before a server that speaks in the clear, and authorities that exist for one test."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.faults.harness import free_port

SSL_REQUEST = 80877103
Connect = Callable[[], socket.socket]


class Authority:
    """Signs certificates; who trusts it is given its file."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self.file = directory / f"authority-{id(self)}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, name: str) -> ssl.SSLContext:
        """Return what a server of some name presents."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(made)
        return made


def to_tcp(port: int) -> Connect:
    """Return how to reach a port of this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port))


def to_socket(path: str) -> Connect:
    """Return how to reach a socket in the file system."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(path)
        return made

    return connect


@contextmanager
def endpoint(context: ssl.SSLContext, behind: Connect, *, postgres: bool = False) -> Iterator[int]:
    """Serve TLS on a port of this machine; PostgreSQL's clients ask for it first, in the clear."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=_serve, args=(listener, context, behind, postgres), daemon=True).start()
        yield port


def _serve(listener: socket.socket, context: ssl.SSLContext, behind: Connect, postgres: bool) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_carry, args=(client, context, behind, postgres), daemon=True).start()


def _carry(client: socket.socket, context: ssl.SSLContext, behind: Connect, postgres: bool) -> None:
    # Whoever does not like what it sees hangs up; that is what the tests are about.
    with contextlib.suppress(OSError), client:
        if postgres:
            # It may ask for another kind of encryption before.
            while struct.unpack("!II", client.recv(8))[1] != SSL_REQUEST:
                client.sendall(b"N")
            client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as secured, behind() as server:
            back = threading.Thread(target=_pump, args=(server, secured), daemon=True)
            back.start()
            _pump(secured, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)

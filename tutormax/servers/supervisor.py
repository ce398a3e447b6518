"""The supervisor: keeps the servers of one data directory running for as long as a client is connected."""

import json
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tutormax import log as logs
from tutormax.servers.account import account_for
from tutormax.servers.place import Place, supervisor_socket
from tutormax.servers.postgres import postgres
from tutormax.servers.program import Program, ServerStartError, start, stop
from tutormax.servers.valkey import valkey

# Long enough for a command after another to find the servers still there.
LINGER_SECONDS = 2.0
TICK_SECONDS = 0.2

log = logs.get(__name__)


class Supervisor:
    """Serves clients: starts what they need, revives what dies, ends when the last one is gone."""

    def __init__(self, listener: socket.socket, programs: dict[str, Program]) -> None:
        self.listener = listener
        self.programs = programs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.clients: set[socket.socket] = set()
        self.selector = selectors.DefaultSelector()
        self.wanted_at = time.monotonic()
        self.over = False

    def serve(self) -> None:
        """Answer clients until nobody needs the servers any more."""
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        while not self.over:
            for key, _ in self.selector.select(TICK_SECONDS):
                answer: Callable[[socket.socket], None] = key.data
                answer(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered
            self._revive()
            if self.clients:
                self.wanted_at = time.monotonic()
            self.over |= time.monotonic() - self.wanted_at > LINGER_SECONDS

    def stop(self) -> None:
        """Stop every server, the last started first."""
        for name in reversed(self.running):
            stop(self.programs[name], self.running[name])
            log.info("server stopped", server=name, status=self.running[name].returncode)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(5)
        self.clients.add(client)
        self.selector.register(client, selectors.EVENT_READ, self._hear)

    def _hear(self, client: socket.socket) -> None:
        try:
            words = client.recv(4096).decode().split()
            if words[:1] == ["need"]:
                client.sendall(self._provide(words[1:]))
                return
        except OSError:
            words = []
        self._part(client, waits=words == ["leave"])

    def _part(self, client: socket.socket, *, waits: bool) -> None:
        self.clients.remove(client)
        self.selector.unregister(client)
        if waits and not self.clients:
            # Left open: our own end tells it that the servers have stopped.
            self.last = client
            self.over = True
        else:
            client.close()

    def _provide(self, names: list[str]) -> bytes:
        try:
            for name in names:
                if name not in self.running:
                    self._start(name)
        except (ServerStartError, OSError) as error:
            log.exception("server not started")
            return json.dumps({"error": str(error)}).encode() + b"\n"
        return json.dumps({name: self.programs[name].url for name in names}).encode() + b"\n"

    def _start(self, name: str) -> None:
        began = time.monotonic()
        self.running[name] = start(self.programs[name])
        log.info("server started", server=name, seconds=round(time.monotonic() - began, 3))

    def _revive(self) -> None:
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                log.warning("server died", server=name, status=process.returncode)
                self._start(name)


def supervise(data_dir: Path) -> None:
    """Be the supervisor of one data directory, whose lock the caller has handed over."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    logs.configure(json=False)
    place = Place(data_dir)
    sockets = place.make_sockets()
    account = account_for(data_dir / "postgres")
    account.give(sockets)
    programs = {each.name: each for each in (make(data_dir, sockets, account) for make in (postgres, valkey))}
    supervisor = Supervisor(_listener(sockets), programs)
    try:
        supervisor.serve()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
        place.remove_sockets()


def _listener(sockets: Path) -> socket.socket:
    path = supervisor_socket(sockets)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(128)
    return listener


def _exit(*_: object) -> None:
    sys.exit(0)

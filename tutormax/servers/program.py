"""One server program: started, asked whether it is ready, stopped, and cleared away after a crash."""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, Signals

import psutil

from tutormax.errors import TransientError
from tutormax.servers.account import Account
from tutormax.servers.child import spawn

# A crash under load leaves up to max_wal_size to be replayed before the next start is ready.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
LARGEST_LOG_BYTES = 10_000_000


class ServerStartError(TransientError):
    """An embedded server did not come up; the text names its log and the log's last lines."""


@dataclass(frozen=True, slots=True)
class Program:
    """How one server is prepared, run, asked whether it is ready, and stopped."""

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    account: Account
    url: str
    stop_signals: tuple[Signals, ...]
    prepare: Callable[[], None]
    ready: Callable[[], bool]


def start(program: Program) -> subprocess.Popen[bytes]:
    """Run one program and return it once it serves; what a dead run left behind is cleared away first."""
    end_leftovers(program)
    shorten(program.log)
    program.prepare()
    with program.log.open("ab") as log:
        process = spawn(
            program.command,
            account=program.account,
            directory=program.directory,
            output=log,
            at_parents_death=program.stop_signals[0],
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if program.ready():
            return process
        time.sleep(0.01)
    what = f"was not ready after {START_SECONDS:g} s" if process.returncode is None else f"ended: {process.returncode}"
    stop(program, process)
    raise ServerStartError(f"{program.name} {what}; {told_by(program.log)}")


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
    for signal in program.stop_signals:
        _send(leftovers(program), signal)
        if _ended(program):
            return


def leftovers(program: Program) -> list[psutil.Process]:
    """Return the processes of this program that work in its directory."""
    # Told by name and working directory: the pid in a file of a dead run may be anybody's by now.
    wanted = (Path(program.command[0]).name, str(program.directory))
    running = psutil.process_iter(["name", "cwd", "ppid"])
    return [each for each in running if (each.info["name"], each.info["cwd"]) == wanted]


def shorten(log: Path) -> None:
    """Begin a log anew when it has grown large; one older piece is kept."""
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def told_by(log: Path) -> str:
    """Quote the last lines of a log, for an error's text."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return f"{log} ends with:\n" + "\n".join(text.splitlines()[-8:])


def _ended(program: Program) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    # Looked for anew instead of awaited by pid: where nobody reaps, an ended process keeps its own for ever.
    while left := leftovers(program):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return not left


def _send(processes: list[psutil.Process], signal: Signals) -> None:
    pids = {each.pid for each in processes}
    for each in processes:
        # A server ends its own children, in the order that is right for it.
        if signal is SIGKILL or each.info["ppid"] not in pids:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal)

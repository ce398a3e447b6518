"""Workers, scheduler and exporter as children of one process: started, watched, and stopped with it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tutormax import log

_log = log.get(__name__)

PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child between fork and exec must not load libraries.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

# A worker gives up a job that does not hear after eleven seconds, and ends by itself.
STOP_SECONDS = 20.0
REST_SECONDS = 5.0


def worker_command(queues: Sequence[str], *, threads: int) -> list[str]:
    """Return the command of one worker process for some queues."""
    return [sys.executable, "-m", "dramatiq", "actors", "-p", "1", "-t", str(threads), "-Q", *queues]


def scheduler_command() -> list[str]:
    """Return the command of the scheduler daemon."""
    return [sys.executable, "-m", "schedules"]


def exporter_command() -> list[str]:
    """Return the command of the exporter."""
    return [sys.executable, "-m", "tutormax.exporter"]


# At a desk one process serves every queue but training, whose thread must not keep others waiting.
DESK: Mapping[str, list[str]] = {
    "worker": worker_command(["data_generation", "evaluation", "prediction", "default"], threads=4),
    "trainer": worker_command(["training"], threads=1),
}
# And what every desk needs besides.
AROUND: Mapping[str, list[str]] = {"scheduler": scheduler_command(), "exporter": exporter_command()}


@dataclass(slots=True)
class Children:
    """The running children, by name."""

    environment: Mapping[str, str]
    logs: Path | None = None
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    started_at: dict[str, float] = field(default_factory=dict)

    def start(self, name: str, command: list[str]) -> None:
        """Start a child in a session of its own: a Ctrl-C reaches us, and we stop it in order."""
        self.commands[name] = command
        self.started_at[name] = time.monotonic()
        with contextlib.ExitStack() as opened:
            log_file = None if self.logs is None else opened.enter_context((self.logs / f"{name}.log").open("ab"))
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                env=os.environ | dict(self.environment),
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one call into a library that is loaded already
            )

    def restart_fallen(self) -> None:
        """Start again whatever has ended by itself, but no process more often than every few seconds."""
        for name, process in list(self.running.items()):
            rested = time.monotonic() - self.started_at[name] > REST_SECONDS
            if rested and process.poll() is not None:
                _log.error("process ended, started again", process=name, exit_code=process.returncode)
                self.start(name, self.commands[name])

    def stop(self) -> None:
        """Ask every child to stop, and kill what has not stopped in time."""
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def children(*, logs: Path | None = None, **environment: str) -> Iterator[Children]:
    """Give children that do not outlive the block; what they say goes into files of a directory, if one is named."""
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    made = Children(environment, logs)
    try:
        yield made
    finally:
        made.stop()


def die_with_parent() -> None:
    """Let this process, about to become another program, be told to stop when its parent ends, however that ends."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

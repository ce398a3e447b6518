"""What is asked of an engine, ours or another."""

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from tutormax.processes import die_with_parent

ROOT = Path(__file__).parents[3]


class Task(StrEnum):
    """What a job does: nothing, wait for ten milliseconds as for a network, or tell when it began."""

    NOTHING = "nothing"
    WAIT = "wait"
    TELL = "tell"


class Engine(ABC):
    """A job system, its workers started by its own command and paused while jobs are sent."""

    name: str

    def __init__(self) -> None:
        self._workers: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def command(self, processes: int, threads: int) -> Sequence[str]:
        """Return the module and arguments that start its workers, as its documentation says."""

    @abstractmethod
    def send(self, task: Task, count: int) -> None:
        """Send jobs, as many at once as it can."""

    @abstractmethod
    def left(self) -> int:
        """Return how many jobs have not ended."""

    def start(self, processes: int, threads: int) -> None:
        """Start its workers."""
        self._workers = [
            subprocess.Popen(
                [sys.executable, "-m", *self.command(processes, threads)],
                cwd=ROOT,
                env=os.environ | {"TUTORMAX_LOG_LEVEL": "ERROR"},
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one call into a library that is loaded already
            )
        ]

    def pause(self) -> None:
        """Let its workers stand still."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let its workers go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End its workers."""
        self._signal(signal.SIGKILL)
        for worker in self._workers:
            worker.wait()
        self._workers = []

    def groups(self) -> set[int]:
        """Return the process groups of its workers."""
        return {worker.pid for worker in self._workers}

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            os.killpg(worker.pid, number)

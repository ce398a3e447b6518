"""What something costs, in the processes that do it and in PostgreSQL: time, CPU, and memory at its most."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import psutil
from sqlalchemy import text

from tutormax import db

TICKS = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024
# To /proc/<pid>/clear_refs: forget the peak so far.
FORGET_PEAK = "5"
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, CPU seconds of clients and server, and the most MiB that one process of each held.

    What a backend holds includes the shared buffers that it touched.
    """

    wall_seconds: float
    client_seconds: float
    server_seconds: float
    client_peak_mib: float = 0.0
    server_peak_mib: float = 0.0

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of clients and server."""
        return self.client_seconds + self.server_seconds


@dataclass(frozen=True, slots=True)
class Family:
    """Some processes, and all that descend from them unless they are meant alone."""

    roots: tuple[int, ...]
    alone: bool = False

    def cpu_seconds(self) -> float:
        """CPU that its living members have used, and those of their children who ended."""
        while True:
            members = set(self._members())
            used = sum(_cpu_seconds(pid, and_of_ended_children=not self.alone) for pid in members)
            # What a member used becomes its parent's when it ends, and must be found with one of the two.
            if members == set(self._members()):
                return used

    def forget_peaks(self) -> None:
        """Let the peaks of its members begin with what they hold now."""
        for pid in self._members():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text(FORGET_PEAK, encoding="ascii")

    def peak_mib(self) -> float:
        """Return the most that one of its living members has held."""
        return max((_peak_mib(pid) for pid in self._members()), default=0.0)

    def _members(self) -> Iterator[int]:
        for root in self.roots:
            yield root
            if not self.alone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    yield from (child.pid for child in psutil.Process(root).children(recursive=True))


def this_process() -> Family:
    """Return this process without its children, among whom servers may be."""
    return Family((os.getpid(),), alone=True)


@lru_cache
def server() -> Family:
    """Return PostgreSQL, which runs on this machine."""
    with db.transaction() as connection:
        backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
    return Family((psutil.Process(backend).ppid(),))


def cost_of(act: Callable[[], object], clients: Family | None = None) -> Cost:
    """Return what an act costs, by the processes that do its work: this one, unless others are named."""
    workers, postgres = clients or this_process(), server()
    for family in (workers, postgres):
        family.forget_peaks()
    # To look takes time of this process, whose own CPU is therefore read last before the act and first after it.
    served, used, began = postgres.cpu_seconds(), workers.cpu_seconds(), time.perf_counter()
    act()
    wall, used = time.perf_counter() - began, workers.cpu_seconds() - used
    return Cost(wall, used, postgres.cpu_seconds() - served, workers.peak_mib(), postgres.peak_mib())


def cost_of_command(command: Sequence[str]) -> Cost:
    """Return what a command costs from its start to its end; it must succeed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    itself, peaks = Family((process.pid,), alone=True), [0.0]

    def ended() -> bool:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def follow() -> None:
        # The kernel forgets a process's own peak with it, and keeps one that began with ours.
        while not ended():
            peaks.append(itself.peak_mib())
            time.sleep(LOOK_SECONDS)

    cost = cost_of(follow)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return replace(cost, client_seconds=used.ru_utime + used.ru_stime, client_peak_mib=max(peaks))


def _cpu_seconds(pid: int, *, and_of_ended_children: bool) -> float:
    try:
        # The program's name, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # utime and stime, then cutime and cstime: the 14th to 17th of all fields, of which the first two are cut off.
    return sum(int(ticks) for ticks in fields[11 : 15 if and_of_ended_children else 13]) / TICKS


def _peak_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / KIB_PER_MIB for line in lines if line.startswith("VmHWM:")), 0.0)

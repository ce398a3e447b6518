"""What systemd hears: read from a real datagram socket, of real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event

import psutil
import pytest
from sqlalchemy import text

from tests.faults.harness import Redis, eventually, free_port, left, states
from tests.jobs import probes
from tutormax import broker, db, settings
from tutormax.jobs import ring
from tutormax.notify import Watchdog

ROOT = Path(__file__).parents[1]
WATCHDOG_SECONDS = 1.5


class Supervisor:
    """Listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hears(self, *, within: float = 40.0) -> str | None:
        """Return what is said next; None when nothing is in time."""
        self._socket.settimeout(within)
        try:
            return self._socket.recv(4096).decode()
        except TimeoutError:
            return None

    def is_silent(self) -> bool:
        """Tell whether nothing is heard any more: for longer than systemd would wait."""
        while (said := self.hears(within=WATCHDOG_SECONDS)) is not None:
            if said == "WATCHDOG=1":
                return False
        return True

    def environment(self) -> dict[str, str]:
        watchdog = {"WATCHDOG_USEC": str(round(WATCHDOG_SECONDS * 1e6)), "WATCHDOG_PID": "1"}
        return {"NOTIFY_SOCKET": self.address, **watchdog}

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(str(tmp_path / "notify") if request.param == "file" else f"@tutormax-tests-{os.getpid()}")
    yield made
    made.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(str(tmp_path / "notify"))
    yield made
    made.close()


@contextmanager
def running(supervisor: Supervisor, *command: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m ...` under the supervisor; all that it started is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | supervisor.environment() | changes,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def watched(supervisor: Supervisor, said: tuple[bool, object]) -> Watchdog:
    limits = settings.load(notify_socket=supervisor.address, watchdog_microseconds=round(WATCHDOG_SECONDS * 1e6))
    made = Watchdog(limits, lambda: said)
    made.start()
    return made


def test_a_process_is_ready_lives_and_stops(anywhere: Supervisor) -> None:
    watchdog = watched(anywhere, (True, {}))

    assert [anywhere.hears() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    watchdog.stop()
    while anywhere.hears() != "STOPPING=1":
        continue
    assert anywhere.is_silent()


def test_one_that_does_not_live_says_so_once_and_then_nothing(supervisor: Supervisor) -> None:
    watchdog = watched(supervisor, (False, {"dead_threads": ["one"]}))

    assert supervisor.hears() == "READY=1"
    assert supervisor.hears() == "STATUS=does not live: {'dead_threads': ['one']}"
    assert supervisor.is_silent()
    watchdog.stop()


def test_a_supervisor_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    limits = settings.load(notify_socket=str(tmp_path / "nobody"), watchdog_microseconds=30_000)
    asked = Event()

    def live() -> tuple[bool, object]:
        asked.set()
        return True, {}

    watchdog = Watchdog(limits, live)
    watchdog.start()
    asked.wait(10)
    asked.clear()

    assert asked.wait(10)
    watchdog.stop()


@pytest.fixture
def redis(database: str) -> Iterator[Redis]:
    """A Redis of the test's own, rung by this process, and a table of effects."""
    assert database
    with db.transaction() as connection:
        probes.make_effects(connection)
    made = Redis()
    bell = broker.DoorbellBroker(made.url)
    ring.use(bell)
    yield made
    ring.use(None)
    bell.close()
    made.kill()


def worker(supervisor: Supervisor, redis: Redis, **changes: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = ("dramatiq", "tests.jobs.probes", "-p", "1", "-t", "2")
    return running(supervisor, *command, REDIS_URL=redis.url, TUTORMAX_JOB_LEASE_SECONDS="2", **changes)


def child_of(master: subprocess.Popen[bytes]) -> psutil.Process:
    children = psutil.Process(master.pid).children()
    [child] = [each for each in children if "resource_tracker" not in " ".join(each.cmdline())]
    return child


def test_a_worker_lives_until_it_is_frozen(redis: Redis, supervisor: Supervisor) -> None:
    with worker(supervisor, redis) as master:
        assert [supervisor.hears() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
        child = child_of(master)
        child.suspend()
        eventually(supervisor.is_silent)

        child.resume()
        assert supervisor.hears() == "WATCHDOG=1"


def test_a_worker_with_a_thread_that_nothing_reaches_is_silent(redis: Redis, supervisor: Supervisor) -> None:
    with worker(supervisor, redis, TUTORMAX_STUCK_SECONDS="0.5"):
        assert [supervisor.hears(), supervisor.hears()] == ["READY=1", "WATCHDOG=1"]
        probes.sleep_on.send("stuck", 60)

        while (said := supervisor.hears()) == "WATCHDOG=1":
            continue
        assert said is not None
        assert "does not live" in said
        assert supervisor.is_silent()


def test_a_worker_whose_whole_group_is_told_to_stop_hands_its_job_back(redis: Redis, supervisor: Supervisor) -> None:
    with worker(supervisor, redis) as master:
        probes.count_piece_by_piece.send("piece", 1000, 0.05)
        eventually(lambda: len(left()) > 1)

        os.killpg(master.pid, signal.SIGTERM)

        assert master.wait(30) == 0
    assert states() == {"pending": 1}
    with db.transaction() as connection:
        assert connection.execute(text("select attempts, recoveries from jobs")).one() == (0, 0)


@pytest.mark.parametrize("command", [("schedules",), ("tutormax.exporter",)], ids=["scheduler", "exporter"])
def test_scheduler_and_exporter_live_until_they_are_frozen_and_say_that_they_stop(
    database: str, supervisor: Supervisor, command: tuple[str]
) -> None:
    assert database
    with running(supervisor, *command, TUTORMAX_EXPORTER_PORT=str(free_port())) as process:
        assert [supervisor.hears(), supervisor.hears()] == ["READY=1", "WATCHDOG=1"]
        process.send_signal(signal.SIGSTOP)
        eventually(supervisor.is_silent)
        process.send_signal(signal.SIGCONT)
        process.terminate()
        while (said := supervisor.hears()) != "STOPPING=1":
            assert said == "WATCHDOG=1"
        assert process.wait(20) == 0

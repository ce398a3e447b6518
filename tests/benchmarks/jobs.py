"""How soon a job starts, and how many a worker drains: a real worker, the embedded servers, nothing else running."""

import os
import subprocess
import time
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import text

import actors.default
from tests.benchmarks.measure import Figure, milliseconds
from tutormax import db, jobs, processes, settings
from tutormax.broker import Queue

IDLE_GAP_SECONDS = 0.25
SILENT_GAP_SECONDS = 3.0
DRAINED = 2000


def figures() -> Iterator[Figure]:
    """Measure with one worker process of two threads."""
    # All of them are rung for at once: what is measured is the worker, and there is no relay.
    os.environ["TUTORMAX_RELAY_WINDOW"] = str(2 * DRAINED)
    settings.current.cache_clear()
    with processes.children(TUTORMAX_LOG_LEVEL="ERROR") as children:
        children.start("worker", processes.worker_command([Queue.DEFAULT], threads=2))
        _waited(_sent(1))
        idle = [_waited([job])[0] for job in _spaced(60, IDLE_GAP_SECONDS)]
        yield milliseconds("job start on an idle system, p50", idle, 0.5, goal=100)
        yield milliseconds("job start on an idle system, p99", idle, 0.99)
        silent = [_waited([job])[0] for job in _spaced(12, SILENT_GAP_SECONDS)]
        yield milliseconds("job start after 3 s of silence, p50", silent, 0.5)
        yield _drain(children.running["worker"])


def _spaced(count: int, gap_seconds: float) -> Iterator[UUID]:
    for _ in range(count):
        time.sleep(gap_seconds)
        yield from _sent(1)


def _sent(count: int) -> list[UUID]:
    canary = actors.default.CANARIES[Queue.DEFAULT]
    with db.transaction() as connection:
        return jobs.insert(connection, [canary.request() for _ in range(count)])


def _waited(sent: list[UUID]) -> list[float]:
    """Return the seconds from each job's row to its start, once all have ended."""
    statement = text(
        "select extract(epoch from started_at - created_at)::float from jobs"
        " where job_id = any(:sent) and state = 'done'"
    )
    while True:
        with db.transaction() as connection:
            started = list(connection.execute(statement, {"sent": sent}).scalars())
        if len(started) == len(sent):
            return started
        time.sleep(0.01)


def _drain(worker: subprocess.Popen[bytes]) -> Figure:
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        _waited(_sent(DRAINED))
        rates.append(DRAINED / (time.perf_counter() - started))
    assert worker.poll() is None
    return Figure("no-op jobs drained, one worker of two threads", sorted(rates)[1], "jobs/s", None, 3, (min(rates), max(rates)), more_is_better=True)  # fmt: skip # noqa: E501

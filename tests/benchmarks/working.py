"""Real workers of one queue, and jobs that they do: until none is left, for some send others."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, func, select

from tests.benchmarks.costs import Cost, Family, cost_of
from tutormax import db, jobs, processes
from tutormax.broker import Queue
from tutormax.jobs import Request
from tutormax.tables import jobs as ledger
from tutormax.tables import processes as registered

THREADS = 4
LOOK_SECONDS = 0.1


@contextmanager
def workers(queue: Queue, models: Path) -> Iterator[Family]:
    """Start workers of one queue, a process for each core, and wait until all are up; end them afterwards."""
    number = len(os.sched_getaffinity(0))
    with processes.children(logs=models / "logs", WORKER_MODEL_SAVE_PATH=str(models)) as children:
        for each in range(number):
            children.start(f"worker {each}", processes.worker_command([queue], threads=THREADS))
        up = select(func.count() == number).where(registered.c.service == queue, registered.c.state == "up")
        _wait_for(up)
        yield Family(tuple(child.pid for child in children.running.values()))


def done(family: Family, request: Request) -> Cost:
    """Let workers do a job and what it sends to its queue; the time is from the first start to the last commit."""
    settle(request.queue)
    began = _now()
    cost = cost_of(lambda: _do(request), family)
    return replace(cost, wall_seconds=_worked(request.queue, began))


def settle(queue: str) -> None:
    """Wait until no job of a queue is left."""
    _wait_for(select(func.count() == 0).where(ledger.c.queue == queue, ledger.c.state.in_(["pending", "running"])))


def _wait_for(true: Select[bool]) -> None:
    while True:
        with db.transaction() as connection:
            if connection.execute(true).scalar_one():
                return
        time.sleep(LOOK_SECONDS)


def _do(request: Request) -> None:
    with db.transaction() as connection:
        jobs.insert(connection, [request])
    settle(request.queue)


def _worked(queue: str, since: datetime) -> float:
    """Return how long a queue's jobs since an instant took, all together; each must have succeeded."""
    told = (ledger.c.state, ledger.c.started_at, ledger.c.finished_at, ledger.c.error_type, ledger.c.error)
    mine = select(*told).where(ledger.c.queue == queue, ledger.c.created_at >= since)
    with db.transaction() as connection:
        rows = connection.execute(mine).all()
    # A part that nobody had begun is done by the job that it is a part of.
    assert all(row.state == "done" or row.error_type == "TakenBack" for row in rows), rows
    first, last = min(row.started_at for row in rows if row.started_at), max(row.finished_at for row in rows)
    return float((last - first).total_seconds())


def _now() -> datetime:
    with db.transaction() as connection:
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now

"""Actors that leave marks, for tests of the ledger; `dramatiq tests.jobs.probes` serves them.

The table of effects has no unique key, so that an effect that happens twice is seen twice.
"""

import logging
import os
import signal
import time

from sqlalchemy import Connection, text

from tutormax import broker, middleware, schema
from tutormax.errors import PermanentError
from tutormax.jobs import Job, actor

broker.install(middleware=middleware.standard(), fit=schema.fit)

QUEUE = "probes"


class HopelessError(PermanentError):
    """Running again cannot help."""


def make_effects(connection: Connection) -> None:
    """Make the table of effects."""
    connection.execute(
        text("create table if not exists effects (mark text, fence bigint, at timestamptz default now())")
    )


def effects(connection: Connection) -> list[str]:
    """Return the marks that were left, in order."""
    return list(connection.execute(text("select mark from effects order by mark")).scalars())


def _leave(job: Job, mark: str) -> None:
    job.connection.execute(
        text("insert into effects (mark, fence) values (:mark, :fence)"), {"mark": mark, "fence": job.lease.fence}
    )


@actor(queue=QUEUE, time_limit=30)
def leave_mark(job: Job, mark: str, seconds: float = 0.0) -> dict[str, str]:
    """Leave a mark, and then take a while before the transaction commits."""
    _leave(job, mark)
    time.sleep(seconds)
    return {"left": mark}


@actor(queue=QUEUE, time_limit=30)
def say(job: Job, words: str) -> dict[str, str]:
    """Touch no database, and say something."""
    return {"said": words}


@actor(queue=QUEUE, time_limit=30)
def say_what_cannot_be_kept(job: Job) -> dict[str, str]:
    """Touch no database, and say what PostgreSQL refuses."""
    return {"said": "\0"}


@actor(queue=QUEUE, time_limit=30)
def leave_mark_of_slot(job: Job) -> None:
    """Leave a mark that names the slot."""
    _leave(job, str(job.slot))


@actor(queue=QUEUE, time_limit=30)
def leave_mark_and_send(job: Job, mark: str) -> None:
    """Leave a mark and, in the same transaction, send a job that leaves another."""
    _leave(job, mark)
    leave_mark.send(f"{mark} followed", connection=job.connection)


@actor(queue=QUEUE, time_limit=30)
def fail_until(job: Job, mark: str, attempt: int) -> None:
    """Leave a mark and fail with it, until an attempt."""
    _leave(job, mark)
    if job.lease.attempts < attempt:
        raise RuntimeError(f"attempt {job.lease.attempts} fails")


@actor(queue=QUEUE, time_limit=30)
def give_up(job: Job, mark: str) -> None:
    """Leave a mark and fail for good."""
    _leave(job, mark)
    raise HopelessError(f"{mark} cannot be done")


@actor(queue=QUEUE, time_limit=30)
def log_through_a_library(job: Job, event: str) -> None:
    """Log as a library does that knows nothing of jobs."""
    logging.getLogger("a.library").warning(event)


@actor(queue=QUEUE, time_limit=30)
def die(job: Job, mark: str) -> None:
    """Leave a mark and kill the worker."""
    _leave(job, mark)
    os.kill(os.getpid(), signal.SIGKILL)


@actor(queue=QUEUE, time_limit=30)
def die_later(job: Job, mark: str, seconds: float) -> None:
    """Leave a mark, and after a while kill the worker."""
    _leave(job, mark)
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


@actor(queue=QUEUE, time_limit=600)
def sleep_through(job: Job, mark: str, seconds: float) -> None:
    """Leave a mark and sleep where no interruption reaches, within the time limit."""
    _leave(job, mark)
    time.sleep(seconds)


@actor(queue=QUEUE, time_limit=0.5, max_retries=0)
def hang(job: Job, mark: str, in_database: bool) -> None:
    """Leave a mark and run past the time limit, in Python or in the database."""
    _leave(job, mark)
    if in_database:
        job.connection.execute(text("select pg_sleep(60)"))
    while True:
        time.sleep(0.01)


@actor(queue=QUEUE, time_limit=0.5, max_retries=0)
def sleep_on(job: Job, mark: str, seconds: float) -> None:
    """Leave a mark and run past the time limit where no interruption reaches."""
    _leave(job, mark)
    time.sleep(seconds)


@actor(queue=QUEUE, time_limit=60)
def stumble(job: Job, mark: str) -> None:
    """Leave a mark, and when told to stop fail on the way out."""
    _leave(job, mark)
    try:
        while True:
            time.sleep(0.01)
    finally:
        raise RuntimeError("nothing can be rolled back here")


@actor(queue=QUEUE, time_limit=60)
def hold_the_interpreter(job: Job, mark: str) -> None:
    """Leave a mark and let no other thread run, for minutes."""
    _leave(job, mark)
    sum(range(10**11))


@actor(queue=QUEUE, time_limit=60)
def count_piece_by_piece(job: Job, mark: str, pieces: int, seconds: float) -> int:
    """Leave a mark for every piece, each with its cursor in a transaction of its own; resume where it stopped."""
    for piece in range(job.cursor or 0, pieces):
        with job.transaction(cursor=piece + 1):
            _leave(job, f"{mark} {piece}")
        job.report(piece + 1, pieces)
        time.sleep(seconds)
    return pieces

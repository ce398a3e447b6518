"""What the storm's workers do; `dramatiq tests.faults.storm.actors` serves it.

The table of effects has no unique key: what happens twice is seen twice.
"""

import os
import signal
import time
from dataclasses import replace
from uuid import UUID, uuid5

from sqlalchemy import text

from tests.faults import plants
from tutormax import broker, middleware
from tutormax.broker import Queue
from tutormax.errors import PermanentError
from tutormax.jobs import Job, actor, insert

broker.install(middleware=middleware.standard())
if os.environ.get("STORM_PLANT") in plants.PLANTS:
    plants.PLANTS[os.environ["STORM_PLANT"]]()

PIECES = 4
TABLES = """
create table effects (job_id uuid, part integer, fence bigint, started_at timestamptz, at timestamptz);
create index on effects (job_id);
create table grants (job_id uuid, fence bigint, recoveries integer, worker text, at timestamptz);
create function grant_seen() returns trigger language plpgsql as $$
begin
    insert into grants values (new.job_id, new.fence, new.recoveries, new.worker, clock_timestamp());
    return null;
end $$;
create trigger granted after update of fence on jobs for each row
    when (new.fence <> old.fence) execute function grant_seen();
"""


class ScriptedError(Exception):
    """The script says that this attempt fails."""


class HopelessError(PermanentError):
    """The script says that this job must die."""


def child_of(job_id: UUID) -> UUID:
    """Return the id of the job that a job sends."""
    return uuid5(job_id, "child")


def _leave(job: Job, part: int = 0) -> None:
    job.connection.execute(
        text("insert into effects values (:job_id, :part, :fence, :started_at, clock_timestamp())"),
        {"job_id": job.id, "part": part, "fence": job.lease.fence, "started_at": job.lease.started_at},
    )


@actor(queue=Queue.DEFAULT, time_limit=30)
def plain(job: Job) -> None:
    """Leave an effect."""
    _leave(job)


@actor(queue=Queue.DEFAULT, time_limit=30)
def light(job: Job) -> None:
    """Touch no database, so that the completion is written with others'."""


@actor(queue=Queue.PREDICTION, time_limit=30)
def slow(job: Job, seconds: float) -> None:
    """Leave an effect and take a while before it is committed."""
    _leave(job)
    time.sleep(seconds)


@actor(queue=Queue.DEFAULT, time_limit=30, max_retries=8)
def stumbling(job: Job, times: int) -> None:
    """Leave an effect and fail with it, some times."""
    _leave(job)
    if job.lease.attempts <= times:
        raise ScriptedError(f"attempt {job.lease.attempts} of {times} that fail")


@actor(queue=Queue.DEFAULT, time_limit=30)
def hopeless(job: Job) -> None:
    """Leave an effect and die."""
    _leave(job)
    raise HopelessError("it cannot be done")


@actor(queue=Queue.DEFAULT, time_limit=30)
def sending(job: Job) -> None:
    """Leave an effect and send another job with it."""
    _leave(job)
    insert(job.connection, [replace(plain.request(), job_id=child_of(job.id))])


@actor(queue=Queue.PREDICTION, time_limit=60)
def pieces(job: Job, seconds: float) -> None:
    """Leave an effect for every piece, each in a transaction with its cursor."""
    for piece in range(job.cursor or 0, PIECES):
        with job.transaction(cursor=piece + 1):
            _leave(job, piece)
        job.check()
        time.sleep(seconds)


@actor(queue=Queue.DEFAULT, time_limit=30)
def keyed(job: Job) -> None:
    """Leave an effect for everybody who asked before it began."""
    _leave(job)


@actor(queue=Queue.EVALUATION, time_limit=30)
def poison(job: Job) -> None:
    """Leave an effect and kill the worker."""
    _leave(job)
    os.kill(os.getpid(), signal.SIGKILL)


@actor(queue=Queue.DEFAULT, time_limit=30, priority=1)
def scheduled(job: Job) -> None:
    """Leave an effect for a slot of the timetable."""
    _leave(job)

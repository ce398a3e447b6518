"""Actors of the drill, on the product's own queues; `dramatiq actors tests.ops.drill_actors` serves them."""

import time

from sqlalchemy import text

import actors
from tutormax.broker import Queue
from tutormax.errors import PermanentError
from tutormax.jobs import Job, actor
from tutormax.jobs.limits import Limit

__all__ = ["actors"]


class DyingError(PermanentError):
    """Running again cannot help."""


class BrokenError(Exception):
    """What the drill has broken."""


@actor(queue=Queue.DEFAULT, time_limit=30)
def drill_good(job: Job, number: int) -> None:
    """Succeed."""


@actor(queue=Queue.DEFAULT, time_limit=30)
def drill_bare(job: Job) -> None:
    """Do nothing, in the drill's own process."""


@actor(queue=Queue.DEFAULT, time_limit=30)
def drill_failing(job: Job, number: int) -> None:
    """Fail at first, and then succeed."""
    if job.lease.attempts == 1:
        raise BrokenError(f"number {number} fails at first")


@actor(queue=Queue.DEFAULT, time_limit=30)
def drill_dying(job: Job, number: int) -> None:
    """Fail for good."""
    raise DyingError(f"number {number} cannot be done")


@actor(queue=Queue.EVALUATION, time_limit=30, max_retries=0)
def drill_always_fails(job: Job, number: int) -> None:
    """Fail, whatever happens."""
    raise BrokenError(f"number {number} fails")


@actor(queue=Queue.PREDICTION, time_limit=600)
def drill_stuck(job: Job, number: int) -> None:
    """Hang until somebody cancels it."""
    while True:
        time.sleep(0.05)


@actor(queue=Queue.PREDICTION, time_limit=60)
def drill_slow(job: Job, number: int) -> None:
    """Take so long that its worker can be killed meanwhile, but only at first."""
    if job.lease.recoveries == 0:
        time.sleep(20)


@actor(queue=Queue.DEFAULT, time_limit=30, limit=lambda: Limit(most_running=1))
def drill_limited(job: Job, number: int) -> None:
    """Run for so long that another one has to wait."""
    time.sleep(2)


@actor(queue=Queue.EVALUATION, time_limit=2, max_retries=0)
def drill_tick(job: Job) -> None:
    """Do what the drill's schedule is for, unless the drill has broken it."""
    if job.connection.execute(text("select exists (select true from drill_broken)")).scalar_one():
        raise BrokenError("the drill has broken it")

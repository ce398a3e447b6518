"""Leases taken beforehand: those of the doorbells that a consumer has fetched at once, while a thread is free for each.

Only where a process consumes one queue: of several, a more urgent job of another might take the thread, and the lease
would be held by nobody who works.
"""

from collections.abc import Sequence

from tutormax.jobs import limits
from tutormax.jobs.actor import declared
from tutormax.jobs.clerk import clerk
from tutormax.jobs.keeper import keeper
from tutormax.jobs.ring import Doorbell


def take(doorbells: Sequence[Doorbell]) -> None:
    """Take the leases of jobs that no limit may hold back, if there are several; each is kept for its own thread."""
    actors = declared()
    wanted = [each.job_id for each in doorbells if each.actor in actors and limits.is_free(actors[each.actor].limit)]
    if len(wanted) > 1 and not keeper().shutting_down:
        clerk().reserve.fill(wanted)


def give_back(doorbells: Sequence[Doorbell]) -> None:
    """Release what was taken for threads that will not come."""
    clerk().reserve.give_back([each.job_id for each in doorbells])

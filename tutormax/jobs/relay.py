"""The relay: rings again for every job that is due and not leased.

It is what makes a doorbell a hint: a lost one, a flushed Redis, a retry that has come due, a job for later and a
crashed worker are all the same to it. Any number of relays may run; what one rings for, the others leave alone for a
moment.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from tutormax import queries
from tutormax.jobs import lease as leases
from tutormax.jobs import ring
from tutormax.jobs.ring import Doorbell, Reason

# Whoever inserts a job rings for it; only after this long is that ring taken for lost.
SETTLED_SECONDS = 1.0


# A crash leaves no more than its threads had in hand; these are rung for even where doorbells fill the window.
MOST_SILENT = 200


def silent(connection: Connection, queue: str, *, ring_again_seconds: float) -> list[Doorbell]:
    """Return the doorbells to ring for jobs of one queue whose worker went silent, marked as rung."""
    bound = {"queue": queue, "most": MOST_SILENT, "ring_again": ring_again_seconds}
    rows = connection.execute(queries.load("silent_jobs"), bound)
    return [Doorbell(row.job_id, row.actor, row.queue, row.priority, Reason.RECOVERY) for row in rows]


def due(connection: Connection, queue: str, *, most: int, ring_again_seconds: float) -> list[Doorbell]:
    """Return the doorbells to ring for waiting jobs of one queue, marked as rung in the connection's transaction."""
    rows = connection.execute(
        queries.load("due_jobs"),
        {"queue": queue, "most": most, "ring_again": ring_again_seconds, "settled": SETTLED_SECONDS},
    )
    return [Doorbell(row.job_id, row.actor, row.queue, row.priority, Reason(row.reason)) for row in rows]


def ring_due(connection: Connection, queues: Iterable[str], *, window: int, ring_again_seconds: float) -> int:
    """Ring for what is due on each queue, up to a window of doorbells that already wait there; return how many.

    For those whose worker went silent in any case, and before all others: they have waited for a lease already.

    The marks that keep the same job from being rung for every second commit with the connection's transaction; if the
    broker does not take the doorbells, ring again after ring_again_seconds.
    """
    rung = 0
    for queue in queues:
        doorbells = silent(connection, queue, ring_again_seconds=ring_again_seconds)
        room = window - ring.waiting(queue)
        if room > 0:
            doorbells += due(connection, queue, most=room, ring_again_seconds=ring_again_seconds)
        rung += len(doorbells) if doorbells and ring.ring(doorbells) else 0
    return rung


def expire(connection: Connection) -> int:
    """Cancel jobs that are too late to be of use, or were to stop when their worker went silent; return how many."""
    rows = connection.execute(queries.load("expire_jobs")).all()
    # What was asked for again beside a job that has expired has expired with it.
    if stopped := [row.job_id for row in rows if row.stopped]:
        leases.ask_again(connection, stopped)
    return len(rows)

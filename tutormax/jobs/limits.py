"""Limits: how much of one kind or of one organization runs at once and starts in a minute, and how much may wait.

Whoever runs a job holds a place, for as long as its lease lasts: a worker that is killed gives it back by its silence,
and nothing has to be released. Starts in a minute are evenly spaced by one row. What is held back stays in the ledger,
due, and is rung for again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row

from tutormax import metrics, queries, settings
from tutormax.errors import TransientError
from tutormax.jobs import lease as leases
from tutormax.jobs import ring
from tutormax.jobs.lease import Lease
from tutormax.jobs.requests import Request
from tutormax.room import Room

# As long as the relay waits between two rings of one job: what became free meanwhile is used at once.
BURST_SECONDS = 6.0

# What may put a start off, as sql/limits/reached_limit.sql names it.
REASONS = ("actor_running", "actor_pace", "organization_running", "organization_pace")


class QueueFullError(TransientError):
    """More jobs wait than a queue may hold; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most jobs that may run at once, and the most that may start in a minute; None: any number."""

    most_running: int | None = None
    per_minute: float | None = None

    @property
    def none(self) -> bool:
        """Whether anything goes."""
        return self.most_running is None and self.per_minute is None

    @property
    def interval_seconds(self) -> float | None:
        """The time between two starts; None: any."""
        return None if self.per_minute is None else 60.0 / self.per_minute


# Asked each time: what it is may stand in the settings.
Limiter = Callable[[], Limit]


def unlimited() -> Limit:
    """Return the limit of what has none."""
    return Limit()


def of_organizations() -> Limit:
    """Return the limit of each organization's jobs."""
    limits = settings.current()
    return Limit(limits.organization_most_running, limits.organization_jobs_per_minute)


def is_free(limiter: Limiter) -> bool:
    """Tell whether nothing limits these jobs."""
    return limiter().none and of_organizations().none


def take(connection: Connection, job_id: UUID, limiter: Limiter, *, seconds: float, worker: str) -> Lease | None:
    """Take a job's lease as `leases.take` does, unless a limit keeps it from starting now."""
    actor, organization = limiter(), of_organizations()
    with leases.waiting_briefly(connection, job_id):
        job = connection.execute(queries.load("limits/limited_job"), {"job_id": job_id}).one_or_none()
        if job is None or _held_back(connection, job_id, job, actor, organization):
            return None
    lease = leases.take(connection, job_id, seconds=seconds, worker=worker)
    if lease is not None:
        for name, limit in _limits(job, actor, organization).items():
            if limit.per_minute is not None:
                bound = {"name": name, "interval_seconds": limit.interval_seconds}
                connection.execute(queries.load("limits/count_start"), bound)
    return lease


def _limits(job: Row[tuple[object, ...]], actor: Limit, organization: Limit) -> dict[str, Limit]:
    """Return the limits that a job comes under, by their names in the order in which they are locked."""
    names = {f"actor {job.actor}": actor}
    if job.organization_id is not None:
        names[f"organization {job.organization_id}"] = organization
    return {name: limit for name, limit in names.items() if not limit.none}


def _held_back(
    connection: Connection, job_id: UUID, job: Row[tuple[object, ...]], actor: Limit, organization: Limit
) -> bool:
    names = _limits(job, actor, organization)
    if not names:
        return False
    # Two who look at the same time would both find the last place free.
    connection.execute(queries.load("limits/lock_limits"), {"names": list(names)})
    reason = connection.execute(
        queries.load("limits/reached_limit"),
        {
            "job_id": job_id,
            "actor": job.actor,
            "organization_id": job.organization_id,
            "actor_name": f"actor {job.actor}",
            "organization_name": f"organization {job.organization_id}",
            "actor_running": actor.most_running,
            "actor_pace": actor.per_minute,
            "organization_running": organization.most_running,
            "organization_pace": organization.per_minute,
            "burst_seconds": BURST_SECONDS,
        },
    ).scalar_one()
    if reason is not None:
        metrics.JOBS_HELD_BACK.labels(job.queue, job.actor, reason).inc()
    return reason is not None


def next_in_line(connection: Connection, lease: Lease, limiter: Limiter) -> list[ring.Doorbell]:
    """Return whom to ring for in place of a job that has ended: whoever waited for its place among so many."""
    by_actor = limiter().most_running is not None
    by_organization = of_organizations().most_running is not None and lease.organization_id is not None
    if not (by_actor or by_organization):
        return []
    bound = {
        "queue": lease.queue,
        "actor": lease.actor,
        "organization_id": lease.organization_id,
        "by_actor": by_actor,
        "by_organization": by_organization,
    }
    rows = connection.execute(queries.load("limits/next_in_line"), bound)
    return [ring.Doorbell(row.job_id, row.actor, row.queue, row.priority, ring.Reason.AGAIN) for row in rows]


def is_limited(limiter: Limiter) -> bool:
    """Tell whether somebody may be waiting for the place of a job that has ended."""
    return limiter().most_running is not None or of_organizations().most_running is not None


_rooms: WeakKeyDictionary[Engine, Room] = WeakKeyDictionary()


def make_sure_of_room(connection: Connection, requests: Sequence[Request]) -> None:
    """Raise QueueFullError when more would wait on a queue than it may hold.

    A request under a key, or of the timetable, is one job however often it is made, so it is never refused.
    """
    cap = settings.current().queue_cap
    room = _rooms.setdefault(connection.engine, Room())
    for queue, wanted in Counter(each.queue for each in requests if each.key is None and each.slot is None).items():
        look = partial(_left, connection, queue, cap)
        if room.take(queue, wanted, look) < wanted:
            waiting = cap - look()
            raise QueueFullError(
                f"queue {queue} is full: {waiting} jobs wait and {wanted} more would pass its cap of {cap}, so nothing "
                f"was sent. Send again when workers have caught up (python -m tutormax jobs list --queue {queue} "
                "--state pending shows what waits), start more of them, or raise TUTORMAX_QUEUE_CAP"
            )


def _left(connection: Connection, queue: str, cap: int) -> int:
    bound = {"queue": queue, "most": cap}
    return cap - int(connection.execute(queries.load("limits/count_waiting"), bound).scalar_one())

"""The tick: what is due becomes a job, each slot exactly once, however many daemons look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from schedules.slots import Recurrence
from tutormax import db, emissions, failpoints, jobs, log, metrics
from tutormax.db import Begin
from tutormax.emissions import Promise
from tutormax.failpoints import Failpoint
from tutormax.jobs import JobActor, Request

_log = log.get(__name__)

# Later than this, a slot that is not caught up is over: the daemon was away when it came.
PUNCTUAL = timedelta(seconds=10)
# How late a job may start, unless the timetable says otherwise, and still be in time.
GRACE = timedelta(minutes=5)

# Whose time it is.
Clock: TypeAlias = Callable[[Connection], datetime]


class CatchUp(StrEnum):
    """What becomes of slots that came while no daemon ran."""

    NONE = "none"
    LAST = "last"


class Result(StrEnum):
    """How an emission ended."""

    OK = "ok"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the timetable: a name for ever, when it is due, and whose job is sent."""

    name: str
    when: Recurrence
    actor: JobActor[..., Any]
    catch_up: CatchUp
    grace: timedelta = GRACE

    def wants(self, slot: datetime, now: datetime) -> bool:
        """Tell whether a slot, the newest one, is still to be sent."""
        return self.catch_up is CatchUp.LAST or now - slot <= PUNCTUAL

    def request(self, slot: datetime) -> Request:
        """Return the job of a slot; one that nobody starts before the next slot is of no use any more."""
        return replace(
            self.actor.request(),
            slot=slot,
            expires_at=self.when.next(slot),
            requested_by=f"schedule:{self.name}",
        )

    def promise(self, now: datetime, settled_at: datetime) -> Promise:
        """Return what is held out now: a success for the first slot after the last one, started late and run long."""
        longest = self.grace + timedelta(seconds=self.actor.time_limit_seconds)
        return Promise(self.name, self.actor.actor_name, self.when.next(now), self.when.next(settled_at) + longest)


@dataclass(frozen=True, slots=True)
class Emission:
    """A slot that this daemon sent."""

    name: str
    slot: datetime
    job_id: UUID


def tick(entries: Sequence[Entry], begin: Begin = db.transaction, clock: Clock = emissions.clock) -> list[Emission]:
    """Send the newest slot of every entry unless it was sent; return what this call sent.

    Only the newest one: of several missed slots the last stands for all, and a clock that was set back repeats none.
    """
    with begin() as connection:
        now = clock(connection)
        newest = {entry.name: entry.when.previous(now) for entry in entries}
        unsent = emissions.unsent(connection, newest, now)
        _promise(connection, entries, now)
    due = (entry for entry in entries if entry.name in unsent and entry.wants(newest[entry.name], now))
    sent = (_send(entry, newest[entry.name], now, begin) for entry in due)
    return [emission for emission in sent if emission is not None]


def _promise(connection: Connection, entries: Sequence[Entry], now: datetime) -> None:
    settled = emissions.settled(connection, {entry.name: entry.actor.actor_name for entry in entries})
    emissions.promise(connection, [entry.promise(now, settled[entry.name]) for entry in entries])


def _send(entry: Entry, slot: datetime, now: datetime, begin: Begin) -> Emission | None:
    request = entry.request(slot)
    try:
        with begin() as connection:
            failpoints.reach(Failpoint.BEFORE_SLOT)
            if not emissions.claim(connection, entry.name, slot, request.job_id):
                return None
            jobs.insert(connection, [request])
            failpoints.reach(Failpoint.AFTER_SLOT)
    except BaseException:
        metrics.SCHEDULE_EMISSIONS.labels(entry.name, Result.ERROR).inc()
        raise
    metrics.SCHEDULE_EMISSIONS.labels(entry.name, Result.OK).inc()
    metrics.SCHEDULER_LAG.observe((now - slot).total_seconds())
    _log.debug("slot sent", schedule=entry.name, slot=slot.isoformat(), job_id=str(request.job_id))
    return Emission(entry.name, slot, request.job_id)

"""The record of the timetable: which schedules there are, which are paused, and one unique row for each slot sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, DateTime, func, insert, select

from tutormax import queries
from tutormax.errors import PermanentError
from tutormax.tables import audit_log


class UnknownScheduleError(PermanentError):
    """No daemon has ever served a schedule of that name."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a schedule holds out: when it is due next, and by when its job must have succeeded once more."""

    name: str
    actor: str
    next_slot: datetime
    deadline_at: datetime


def clock(connection: Connection) -> datetime:
    """Return what the database's clock says, which all daemons share."""
    return connection.execute(select(func.clock_timestamp(type_=DateTime(timezone=True)))).scalar_one()


def unsent(connection: Connection, slots: Mapping[str, datetime], now: datetime) -> set[str]:
    """Return the schedules, each given with its newest slot, whose slot is still to be sent.

    A schedule seen for the first time is registered; slots before that instant are not due.
    """
    names = list(slots)
    connection.execute(queries.load("register_schedules"), {"names": names, "now": now})
    rows = connection.execute(queries.load("unsent_slots"), {"names": names, "slots": list(slots.values())})
    return set(rows.scalars())


def claim(connection: Connection, name: str, slot: datetime, job_id: UUID) -> bool:
    """Take a slot for a job that is inserted in the same transaction; False if somebody else has it."""
    row = connection.execute(queries.load("claim_slot"), {"name": name, "slot": slot, "job_id": job_id})
    return row.one_or_none() is not None


def settled(connection: Connection, actors: Mapping[str, str]) -> dict[str, datetime]:
    """Return since when nothing is owed for each schedule, given with its actor: its last success, or its beginning."""
    bound = {"names": list(actors), "actors": list(actors.values())}
    return {row.name: row.settled_at for row in connection.execute(queries.load("settled_schedules"), bound)}


def promise(connection: Connection, promises: Sequence[Promise]) -> None:
    """Write what the schedules hold out, where operators and the exporter find it."""
    bound = {
        "names": [promise.name for promise in promises],
        "actors": [promise.actor for promise in promises],
        "next_slots": [promise.next_slot for promise in promises],
        "deadlines": [promise.deadline_at for promise in promises],
    }
    connection.execute(queries.load("promise_schedules"), bound)


def pause(connection: Connection, name: str, *, who: str, now: datetime) -> None:
    """Send nothing more for a schedule until it is resumed; raise UnknownScheduleError."""
    _set_paused(connection, name, who, now, paused=True)


def resume(connection: Connection, name: str, *, who: str, now: datetime) -> None:
    """Send again from the next slot on, making up for nothing in between; raise UnknownScheduleError."""
    _set_paused(connection, name, who, now, paused=False)


def _set_paused(connection: Connection, name: str, who: str, now: datetime, *, paused: bool) -> None:
    bound = {"name": name, "now": now, "paused": paused}
    if connection.execute(queries.load("pause_schedule"), bound).one_or_none() is None:
        raise UnknownScheduleError(
            f"{name!r} is not a schedule that a daemon has served: see python -m schedules --list"
        )
    action = "schedule pause" if paused else "schedule resume"
    connection.execute(insert(audit_log).values(who=who, action=action, subject=name, details={}))

"""Monthly partitions of the facts and of their daily sums: made ahead of the rows, dropped when they are too old."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from tutormax import failpoints
from tutormax.db import Begin
from tutormax.errors import PermanentError, TransientError
from tutormax.failpoints import Failpoint

T = TypeVar("T")

# In the order in which they are filled; retention drops them in the same order.
PARTITIONED = ("sessions", "student_feedback", "tutor_events", "tutor_days")
# Who waits to change a table has everybody who comes later wait behind it, readers, too.
LOCK_TIMEOUT = "2s"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask for a table that is in use, and how long to let others pass in between."""

    attempts: int
    pause_seconds: float


PATIENT = Patience(attempts=30, pause_seconds=3.0)


class NotTheOwnerError(PermanentError):
    """A partition is missing, and this login may not make tables."""


class TablesInUseError(TransientError):
    """A partition cannot be made or dropped while somebody uses its table; a backup does so until it ends."""


def months(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the first instant (UTC) of each month that meets the closed range from start to end."""
    month = start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= end:
        yield month
        month = after(month)


def ensure(connection: Connection, start: datetime, end: datetime) -> int:
    """Make every missing partition between two instants; return how many were made.

    It locks everybody out until the caller's transaction ends, and waits for them as long as it takes: `make` does not.
    """
    return _ensure(connection, _wanted(start, end))


def make(begin: Begin, start: datetime, end: datetime, patience: Patience = PATIENT) -> int:
    """Make what `ensure` makes, each in a transaction of its own behind which nobody queues for long.

    Raises TablesInUseError, or NotTheOwnerError.
    """
    wanted = _wanted(start, end)
    with begin() as connection:
        missing = sorted(wanted.keys() - existing(connection))
    return sum(_make(begin, {name: wanted[name]}, patience) for name in missing)


def _make(begin: Begin, wanted: Mapping[str, tuple[str, datetime]], patience: Patience) -> int:
    def once() -> int:
        with begin() as connection:
            limit_waiting(connection)
            return _ensure(connection, wanted)

    try:
        return patiently(once, patience)
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise NotTheOwnerError(
            f"there is no place yet for rows of {', '.join(wanted)}, and this login may not make one: do the same once "
            "as the owner of the tables (deploy/postgresql/roles.sql)"
        ) from None


def patiently(once: Callable[[], T], patience: Patience) -> T:
    """Do what `limit_waiting` limits, again if a table is in use; raise TablesInUseError when it still is."""
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause_seconds)
        try:
            return once()
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                raise
            refused = error
    raise TablesInUseError(f"tables were in use at each of {patience.attempts} attempts to change them") from refused


def limit_waiting(connection: Connection) -> None:
    """Let this transaction wait for each lock no longer than others should queue behind it."""
    connection.execute(text("select set_config('lock_timeout', :limit, true)"), {"limit": LOCK_TIMEOUT})


def _wanted(start: datetime, end: datetime) -> dict[str, tuple[str, datetime]]:
    return {name_of(table, month): (table, month) for month in months(start, end) for table in PARTITIONED}


def _ensure(connection: Connection, wanted: Mapping[str, tuple[str, datetime]]) -> int:
    if not wanted.keys() - existing(connection):
        return 0
    lock(connection)
    # Whoever was waited for may have made some, or dropped others.
    missing = sorted(wanted.keys() - existing(connection))
    for name in missing:
        table, month = wanted[name]
        # Names and bounds come from our own constants and a datetime: nothing here was typed by anybody.
        bounds = f"from ('{month:%F} 00:00+00') to ('{after(month):%F} 00:00+00')"
        connection.exec_driver_sql(f"create table {name} partition of {table} for values {bounds}")
    return len(missing)


def lock(connection: Connection) -> None:
    """Wait until nobody else makes or drops partitions: two that made the same month would deadlock."""
    connection.execute(text("select pg_advisory_xact_lock(hashtext('tutormax partitions'))"))


def name_of(table: str, month: date) -> str:
    """Return the name of the partition that holds a month, given by any of its days."""
    return f"{table}_{month:%Y_%m}"


def existing(connection: Connection) -> set[str]:
    """Return the names of the partitions that there are."""
    rows = connection.execute(
        text(
            "select child.relname from pg_inherits join pg_class child on child.oid = inhrelid"
            " where inhparent = any(cast(:parents as regclass[]))"
        ),
        {"parents": list(PARTITIONED)},
    )
    return set(rows.scalars())


def older_than(connection: Connection, instant: datetime) -> list[tuple[str, datetime]]:
    """Return the partitions that hold nothing newer than an instant, each with its month, in the order to drop them."""
    old = [(name, _month_of(name)) for name in existing(connection)]
    old = [(name, month) for name, month in old if after(month) <= instant]
    return sorted(old, key=lambda each: (each[1], PARTITIONED.index(each[0].rsplit("_", 2)[0])))


def drop(connection: Connection, name: str) -> None:
    """Drop a partition, if it is still there."""
    failpoints.reach(Failpoint.BEFORE_DROP)
    lock(connection)
    connection.exec_driver_sql(f"drop table if exists {name}")
    failpoints.reach(Failpoint.AFTER_DROP)


def require_none(connection: Connection, tables: Iterable[str], month: datetime) -> None:
    """Raise TablesInUseError if a month has partitions of some tables; an import may have made them again."""
    if again := existing(connection) & {name_of(table, month) for table in tables}:
        raise TablesInUseError(f"{', '.join(sorted(again))} came back while the month was dropped")


def after(month: datetime) -> datetime:
    """Return the first instant of the next month."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _month_of(name: str) -> datetime:
    year, month = name.split("_")[-2:]
    return datetime(int(year), int(month), 1, tzinfo=UTC)

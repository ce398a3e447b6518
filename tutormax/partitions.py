"""Monthly partitions of the facts and of their daily sums: made ahead of the rows, dropped when they are too old."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text

from tutormax import failpoints
from tutormax.failpoints import Failpoint

# In the order in which they are filled; retention drops them in the same order.
PARTITIONED = ("sessions", "student_feedback", "tutor_events", "tutor_days")


def months(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the first instant (UTC) of each month that meets the closed range from start to end."""
    month = start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= end:
        yield month
        month = _after(month)


def ensure(connection: Connection, start: datetime, end: datetime) -> int:
    """Make every missing partition between two instants; return how many were made.

    One maker at a time, until the caller's transaction ends: two that made the same month would deadlock.
    """
    wanted = {name_of(table, month): (table, month) for month in months(start, end) for table in PARTITIONED}
    missing = wanted.keys() - existing(connection)
    if not missing:
        return 0
    connection.execute(text("select pg_advisory_xact_lock(hashtext('tutormax partitions'))"))
    for name in sorted(missing - existing(connection)):
        table, month = wanted[name]
        # Names and bounds come from our own constants and a datetime: nothing here was typed by anybody.
        bounds = f"from ('{month:%F} 00:00+00') to ('{_after(month):%F} 00:00+00')"
        connection.exec_driver_sql(f"create table {name} partition of {table} for values {bounds}")
    return len(missing)


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


def drop_before(connection: Connection, instant: datetime) -> list[str]:
    """Drop every partition that holds nothing newer than an instant; return their names."""
    old = sorted(name for name in existing(connection) if _after(_month_of(name)) <= instant)
    for name in old:
        failpoints.reach(Failpoint.BEFORE_DROP)
        connection.exec_driver_sql(f"drop table {name}")
        failpoints.reach(Failpoint.AFTER_DROP)
    return old


def _after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _month_of(name: str) -> datetime:
    year, month = name.split("_")[-2:]
    return datetime(int(year), int(month), 1, tzinfo=UTC)

"""The rollup: what each tutor did on each day (UTC), summed up again for the days whose facts were touched.

Triggers mark the days, whoever writes the facts and however: late, changed, removed, moved to another tutor.
"""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, text

from tutormax import queries

# One statement sums up the days of so many marks, the last day whole: a few seconds of work.
MOST_AT_ONCE = 500_000
DAY = timedelta(days=1)


def lock(connection: Connection) -> None:
    """Wait until no other transaction sums up days or writes judgements; hold it off until this one ends.

    Being the only one, its statements get room for the sums of some ten thousand tutors.
    """
    statement = "select pg_advisory_xact_lock(hashtext('tutormax evaluation')), set_config('work_mem', '64MB', true)"
    connection.execute(text(statement))


def sum_up(connection: Connection, *, tutor_id: int | None = None) -> None:
    """Bring the sums of all touched days up to date, or of one tutor's."""
    while sum_up_some(connection, tutor_id=tutor_id):
        pass


def sum_up_some(connection: Connection, *, tutor_id: int | None = None, at_once: int = MOST_AT_ONCE) -> bool:
    """Bring the sums of the oldest touched days up to date; return whether there may be more.

    Whose days they were is noted for the judgements that have counted them as they had been.
    """
    lock(connection)
    whose = {"tutor_id": tutor_id}
    span = connection.execute(queries.load("rollup/touched_span"), {**whose, "most": at_once}).one()
    if span.marks:
        days = {
            "first": span.first,
            "last": span.last,
            "starts": _midnight(span.first),
            "ends": _midnight(span.last) + DAY,
        }
        connection.execute(queries.load("rollup/sum_up_days"), {**whose, **days})
    return bool(span.marks == at_once)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

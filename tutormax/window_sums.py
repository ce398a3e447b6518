"""What the whole days of a tutor's windows add up to, kept for the judgements of one day.

All windows that end on one UTC day hold the same whole days. What a day is part of is forgotten when it changes, by the
triggers of `tutor_days`.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import Connection, delete

from tutormax import queries
from tutormax.tables import tutor_windows
from tutormax.windows import WINDOW_DAYS

Pair = tuple[int, date]

DAY = timedelta(days=1)
# How many days before the day on which windows end are those that they gained since the day before, or lost.
MOVED = (1, 7, 8, 30, 31, 90)


def sum_up(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Keep the sums of these tutors' windows that end on these days (UTC), where they are not kept yet."""
    # Each pair once, and here: of how many PostgreSQL would find distinct, its planner has no idea.
    missing = connection.execute(queries.load("evaluation/windows_to_sum_up"), _arrays(list(set(pairs)))).all()
    _slide(connection, [(row.tutor_id, row.ends_on) for row in missing if row.slides])
    _sum_up_days(connection, [(row.tutor_id, row.ends_on) for row in missing if not row.slides])


def forget_ended(connection: Connection, *, before: date) -> None:
    """Forget the sums of windows that ended before a day (UTC)."""
    connection.execute(delete(tutor_windows).where(tutor_windows.c.ends_on < before))


def forget_holding(connection: Connection, *, before: date) -> None:
    """Forget the sums that may hold a day (UTC) before this one: no trigger sees a month dropped."""
    forget_ended(connection, before=before + max(WINDOW_DAYS) * DAY)


def _slide(connection: Connection, pairs: Sequence[Pair]) -> None:
    if pairs:
        moved = sorted({ends_on - back * DAY for _, ends_on in pairs for back in MOVED})
        connection.execute(queries.load("evaluation/slide_windows"), _arrays(pairs) | {"moved_days": moved})


def _sum_up_days(connection: Connection, pairs: Sequence[Pair]) -> None:
    if pairs:
        days = [ends_on for _, ends_on in pairs]
        span = {"first_day": min(days) - max(WINDOW_DAYS) * DAY, "last_day": max(days)}
        connection.execute(queries.load("evaluation/sum_up_windows"), _arrays(pairs) | span)


def _arrays(pairs: Sequence[Pair]) -> dict[str, object]:
    return {"tutor_ids": [tutor_id for tutor_id, _ in pairs], "days": [day for _, day in pairs]}

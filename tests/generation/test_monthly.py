"""Facts that are copied into their months lie where they belong, and their days are marked as triggers would."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from psycopg.errors import UndefinedTable
from sqlalchemy import Connection, text

from tutormax.generation import copying, instants, monthly
from tutormax.generation.copying import Rows
from tutormax.generation.monthly import Facts
from tutormax.generation.sample import make_sample

MARKS = "select tutor_id, day, min(earliest), max(latest) from touched_days group by tutor_id, day order by 1, 2"
TABLES = ("sessions", "student_feedback", "tutor_events")


def marks(connection: Connection) -> list[Any]:
    return list(connection.execute(text(MARKS)))


def test_the_marks_are_those_of_the_triggers(connection: Connection) -> None:
    # From one month into the next.
    make_sample(connection, tutors=20, sessions=400, target_date=date(2026, 6, 5), seed=7)
    ours = marks(connection)

    connection.execute(text("truncate touched_days"))
    for table in TABLES:
        connection.execute(text(f"update {table} set tutor_id = tutor_id"))

    assert len(ours) > 100
    assert {row.day.month for row in ours} == {5, 6}
    assert ours == marks(connection)


def test_each_fact_lies_in_its_month(connection: Connection) -> None:
    make_sample(connection, tutors=20, sessions=400, target_date=date(2026, 6, 5), seed=7)

    for table, happened in zip(TABLES, ("scheduled_start", "submitted_at", "event_time"), strict=True):
        lie = f"select distinct tableoid::regclass::text, to_char({happened}, 'YYYY_MM') from {table}"
        places = connection.execute(text(lie)).all()
        assert {month for _, month in places} == {"2026_05", "2026_06"}
        assert all(name == f"{table}_{month}" for name, month in places)


@pytest.mark.parametrize(("event_type", "counts"), [("login", True), ("resignation", False)])
def test_what_counts_marks_its_day_for_each_tutor_and_what_does_not_marks_nothing(
    connection: Connection, event_type: str, counts: bool
) -> None:
    make_sample(connection, tutors=3, sessions=10, target_date=date(2026, 6, 5), seed=7)
    connection.execute(text("truncate touched_days"))

    ids = np.array(connection.execute(text("select array_agg(tutor_id order by tutor_id) from tutors")).scalar_one())[
        :3
    ]
    happened = np.full(len(ids), instants.day_number(date(2026, 6, 4)) * instants.DAY)
    columns = {
        "organization_id": copying.int4(np.ones_like(ids)),
        "external_id": copying.one_of(("a", "b", "c"), np.arange(len(ids))),
        "tutor_id": copying.int4(ids),
        "event_type": copying.one_of((event_type,), np.zeros_like(ids)),
        "event_time": copying.timestamptz(happened),
        "ingested_at": copying.timestamptz(happened),
    }
    facts = Facts(Rows("tutor_events", columns), ids, happened, np.full(len(ids), counts))
    monthly.append(connection, [facts])

    assert [row.tutor_id for row in marks(connection)] == (ids.tolist() if counts else [])


def test_a_month_that_is_not_there_is_named(connection: Connection) -> None:
    at = np.array([instants.day_number(date(1999, 12, 31)) * instants.DAY])
    rows = Rows("sessions", {"tutor_id": copying.int4(np.array([1]))})

    with pytest.raises(UndefinedTable, match="sessions_1999_12"):
        monthly.append(connection, [Facts(rows, np.array([1]), at, np.array([True]))])

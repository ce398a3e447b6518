"""The planner is shown new rows, and the session is left as it was."""

from sqlalchemy import Connection, text

from tests.factories import add_tutor
from tutormax import planner


def test_the_planner_knows_the_rows_from_then_on(connection: Connection) -> None:
    add_tutor(connection)

    planner.count_anew(connection, "tutors", "students")

    assert (
        connection.execute(
            text("select reltuples from pg_class where oid = cast('public.tutors' as regclass)")
        ).scalar_one()
        >= 1
    )


def test_the_usual_sample_is_back_afterwards(connection: Connection) -> None:
    before = connection.execute(text("show default_statistics_target")).scalar_one()

    planner.count_anew(connection, "tutors")

    assert connection.execute(text("show default_statistics_target")).scalar_one() == before

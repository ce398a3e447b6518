"""The schema is brought up to date beside whoever works and whoever backs up, and nobody queues behind that."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import Connection, Engine, text

from tutormax import db, schema
from tutormax.commands.migrate import migrate
from tutormax.db import Begin
from tutormax.partitions import Patience, TablesInUseError

NOW = datetime.now(UTC)
BRIEFLY = Patience(attempts=2, pause_seconds=0.1)


@pytest.fixture
def older(engine: Engine) -> Iterator[Engine]:
    """A database of an earlier release."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("create database an_older_one")
    made = db.connect(engine.url.set(database="an_older_one").render_as_string(hide_password=False))
    with made.begin() as connection:
        schema.upgrade(connection, "0009")
    yield made
    made.dispose()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("drop database an_older_one with (force)")


@contextmanager
def backing_up(engine: Engine) -> Iterator[Connection]:
    """Hold a table as pg_dump does, until the block ends."""
    dumping = db.connect(engine.url.render_as_string(hide_password=False), application="pg_dump")
    with dumping.begin() as connection:
        connection.exec_driver_sql("lock table tutor_events in access share mode")
        yield connection
    dumping.dispose()


def test_behind_a_backup_it_gives_up_by_turns_and_says_who_is_there(older: Engine) -> None:
    with backing_up(older):
        migrating = Thread(target=lambda: outcome.append(attempt(older.begin)))
        outcome: list[str] = []
        migrating.start()
        slowest = 0.0
        while migrating.is_alive():
            asked = time.monotonic()
            with older.begin() as reader:
                reader.exec_driver_sql("select from tutor_events")
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.05)
        migrating.join()

    [told] = outcome
    assert "pg_dump (pid " in told
    # A reader that came after it waited as long as it may wait itself, and no longer.
    assert slowest < 4


def attempt(begin: Begin) -> str:
    try:
        migrate(begin, NOW, BRIEFLY)
    except TablesInUseError as error:
        return str(error)
    return "it was done"


def test_what_was_done_before_a_table_was_in_use_stays_done_and_the_rest_follows(older: Engine) -> None:
    with backing_up(older):
        attempt(older.begin)
        with older.begin() as connection:
            reached = schema.revision(connection)

    made = migrate(older.begin, NOW, BRIEFLY)

    assert reached == "0010"
    with older.begin() as connection:
        schema.check(connection)
    assert made > 0


def test_it_waits_for_another_that_migrates_longer_than_for_a_table(older: Engine) -> None:
    with older.begin() as other:
        schema.take_turn(other)
        outcome: list[str] = []
        migrating = Thread(target=lambda: outcome.append(attempt(older.begin)))
        migrating.start()
        migrating.join(5)
        waited = migrating.is_alive()
    migrating.join(60)

    assert waited
    assert outcome == ["it was done"]


def test_the_days_of_many_facts_may_take_as_long_as_they_take(older: Engine) -> None:
    with older.begin() as connection:
        schema.upgrade(connection, "0010")
        limit = connection.execute(text("show statement_timeout")).scalar_one()

    assert limit == "0"

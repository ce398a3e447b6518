"""The engine of this process."""

import gc
import time

import pytest
from sqlalchemy import Engine, text

from tutormax import db


@pytest.mark.filterwarnings("error")
def test_whoever_works_on_while_the_engine_is_closed_leaves_no_connection_open(database: str) -> None:
    assert database

    with db.transaction() as connection:
        db.dispose()
        connection.execute(text("select 1"))
    del connection

    gc.collect()


@pytest.mark.parametrize(("unused_seconds", "asked"), [(0.9, 0), (1.1, 1)])
def test_a_connection_is_asked_whether_it_lives_after_it_has_lain_unused(
    database: str, monkeypatch: pytest.MonkeyPatch, unused_seconds: float, asked: int
) -> None:
    assert database
    with db.transaction() as connection:
        connection.execute(text("select 1"))
    pings: list[object] = []
    monkeypatch.setattr(db.engine().dialect, "do_ping", pings.append)
    later = time.monotonic() + unused_seconds
    monkeypatch.setattr(time, "monotonic", lambda: later)

    with db.transaction() as connection:
        connection.execute(text("select 1"))

    assert len(pings) == asked


def test_a_connection_that_died_unused_is_made_anew(
    database: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    with db.transaction() as connection:
        connection.execute(text("select 1"))
        backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
        with db.transaction() as other:
            other_backend = other.execute(text("select pg_backend_pid()")).scalar_one()
    with engine.connect() as killer:
        killer.execute(text("select pg_terminate_backend(:pid)"), {"pid": backend})
        killer.execute(text("select pg_terminate_backend(:pid)"), {"pid": other_backend})
    later = time.monotonic() + 2
    monkeypatch.setattr(time, "monotonic", lambda: later)

    with db.transaction() as connection, db.transaction() as other:
        found = {each.execute(text("select pg_backend_pid()")).scalar_one() for each in (connection, other)}

    assert found.isdisjoint({backend, other_backend})

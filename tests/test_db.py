"""The engine of this process."""

import gc
import time

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import OperationalError

from tutormax import db, servers


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


def test_a_host_that_vanishes_is_found_out_in_seconds_unless_its_url_says_otherwise(database: str) -> None:
    def asked(url: str) -> dict[str, str]:
        made = db.connect(url)
        with made.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            said = driver.info.get_parameters()
        made.dispose()
        return said

    usual = asked(database)
    own = asked(str(make_url(database).update_query_dict({"keepalives_idle": "77"}).render_as_string(False)))

    assert (usual["keepalives_idle"], usual["tcp_user_timeout"]) == ("10", "20000")
    assert (own["keepalives_idle"], own["tcp_user_timeout"]) == ("77", "20000")


def test_an_embedded_server_that_cannot_be_brought_back_is_a_database_that_is_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    engine = db.engine()

    def fail() -> None:
        raise servers.ServerStartError("no room on the disk")

    monkeypatch.setattr(servers, "endpoints", fail)
    engine.dispose()

    with pytest.raises(OperationalError, match="no room on the disk"), engine.connect():
        pass

"""What is outside and fails is left alone by every process, and found again by one."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ml.artefact import StoreUnavailableError
from ml.serving import Shelf
from tests.ml.registered import SYNTHETIC, add_model
from tutormax import db
from tutormax.breaker import Breaker, BreakerOpenError
from tutormax.jobs.job import ShutdownInterruption


class AwayError(Exception):
    """It does not answer."""


GUARD = Breaker("mail", failures=(AwayError,))
AT_ONCE = Breaker("mail", failures=(AwayError,), rest_seconds=0.0)


@pytest.fixture(autouse=True)
def no_trace(engine: Engine) -> Iterator[None]:
    """What breakers know really commits; nothing is left behind."""
    yield
    with engine.begin() as connection:
        connection.execute(text("truncate breakers"))
    db.dispose()


def away() -> None:
    raise AwayError("no route to host")


def unknown() -> None:
    raise KeyError("no such address")


def fail(times: int, guard: Breaker = GUARD) -> None:
    for _ in range(times):
        with pytest.raises(AwayError):
            guard.call(away)


def rested() -> None:
    """Let the rest of every breaker be over."""
    with db.transaction() as connection:
        connection.execute(text("update breakers set opened_at = opened_at - interval '61 seconds'"))


def is_open() -> bool:
    with db.transaction() as connection:
        return bool(connection.execute(text("select opened_at is not null from breakers")).scalar_one())


def test_what_answers_leaves_no_trace() -> None:
    assert GUARD.call(lambda: "sent") == "sent"

    with db.transaction() as connection:
        assert connection.execute(text("select count(*) from breakers")).scalar_one() == 0


def test_five_failures_in_a_row_open_it_and_nothing_is_called() -> None:
    fail(5)
    called: list[str] = []

    with pytest.raises(BreakerOpenError, match=r"mail is not called: it failed 5 times, last with 'no route to host'"):
        GUARD.call(lambda: called.append("called"))

    assert called == []


def test_an_answer_between_failures_begins_the_count_anew() -> None:
    fail(4)
    GUARD.call(lambda: None)
    fail(4)

    assert not is_open()


def test_an_error_that_is_an_answer_is_no_failure() -> None:
    fail(4)

    with pytest.raises(KeyError):
        GUARD.call(unknown)

    fail(4)
    assert not is_open()


def test_nobody_calls_before_a_minute_is_over() -> None:
    fail(5)
    with db.transaction() as connection:
        connection.execute(text("update breakers set opened_at = opened_at - interval '58 seconds'"))

    with pytest.raises(BreakerOpenError, match=r"tried again in [12] s"):
        GUARD.call(lambda: None)


def test_after_a_minute_an_answer_closes_it() -> None:
    fail(5)
    rested()

    assert GUARD.call(lambda: "sent") == "sent"
    assert not is_open()


def test_after_a_minute_one_failure_opens_it_for_another() -> None:
    fail(5)
    rested()
    fail(1)

    with pytest.raises(BreakerOpenError, match="failed 6 times"):
        GUARD.call(lambda: None)


def test_of_many_who_ask_at_once_one_finds_out() -> None:
    fail(5)
    rested()
    over, called, refused = threading.Event(), [], []
    together = threading.Barrier(8)

    def call() -> None:
        called.append(threading.get_ident())
        assert over.wait(20)

    def ask() -> None:
        together.wait()
        try:
            GUARD.call(call)
        except BreakerOpenError as error:
            refused.append(error)
            if len(refused) == 7:
                over.set()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(called), len(refused)) == (1, 7)
    assert not is_open()


def test_whoever_is_killed_while_finding_out_keeps_others_from_it_for_a_minute_only() -> None:
    fail(5)
    rested()
    # Of the one that was killed nothing is left but its row.
    with db.transaction() as connection:
        connection.execute(text("update breakers set probe_until = clock_timestamp() + interval '60 seconds'"))
    with pytest.raises(BreakerOpenError):
        GUARD.call(lambda: None)
    with db.transaction() as connection:
        connection.execute(text("update breakers set probe_until = clock_timestamp() - interval '1 second'"))

    assert GUARD.call(lambda: "sent") == "sent"


def test_an_interruption_finds_nothing_out_and_lets_the_next_one_try() -> None:
    fail(5, AT_ONCE)

    def interrupted() -> None:
        raise ShutdownInterruption

    with pytest.raises(ShutdownInterruption):
        AT_ONCE.call(interrupted)

    assert is_open()
    assert AT_ONCE.call(lambda: "sent") == "sent"


def test_a_call_that_began_before_it_opened_does_not_close_it() -> None:
    fail(1)

    def slow() -> str:
        fail(4)
        return "sent"

    assert GUARD.call(slow) == "sent"
    assert is_open()


def test_a_models_directory_that_is_not_mounted_is_left_alone_after_five_tries(database: str, tmp_path: Path) -> None:
    assert database
    store = tmp_path / "share"
    with db.transaction() as connection:
        add_model(connection, store)
    store.rename(tmp_path / "unmounted")

    for _ in range(5):
        with db.transaction() as connection, pytest.raises(StoreUnavailableError, match="is the path mounted"):
            Shelf(store).scorer(connection, SYNTHETIC)
    (tmp_path / "unmounted").rename(store)
    with db.transaction() as connection, pytest.raises(BreakerOpenError, match="model_store is not called"):
        Shelf(store).scorer(connection, SYNTHETIC)

    rested()
    with db.transaction() as connection:
        assert Shelf(store).scorer(connection, SYNTHETIC).model_id.startswith(SYNTHETIC)


def test_a_model_in_memory_serves_on_while_its_store_is_away(database: str, tmp_path: Path) -> None:
    assert database
    shelf = Shelf(tmp_path / "share")
    with db.transaction() as connection:
        first = add_model(connection, shelf.root)
        shelf.scorer(connection, SYNTHETIC)
        add_model(connection, shelf.root, days=1)
    shelf.root.rename(tmp_path / "unmounted")

    with db.transaction() as connection:
        assert shelf.scorer(connection, SYNTHETIC).model_id == first.model_id


def test_a_store_that_hangs_is_away(database: str, tmp_path: Path) -> None:
    assert database
    shelf = Shelf(tmp_path, store_seconds=0.2)
    with db.transaction() as connection:
        model = add_model(connection, tmp_path)
        manifest = tmp_path / model.model_id / "manifest.json"
        manifest.unlink()
        # Whoever opens it waits until somebody writes, as on a share whose server is gone.
        os.mkfifo(manifest)

        with pytest.raises(StoreUnavailableError, match="gave no answer in time"):
            shelf.scorer(connection, SYNTHETIC)
    manifest.open("w").close()

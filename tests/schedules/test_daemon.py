"""The daemon: wakes the tick whatever happens around it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, make_url, select, text
from structlog.testing import capture_logs

import schedules.daemon
from actors.default import CANARIES
from schedules.daemon import Beat, Daemon, Steadily, pages, wake_if_stranded
from schedules.slots import Every
from schedules.tick import CatchUp, Entry
from tests import surroundings
from tutormax import db, metrics, settings
from tutormax.broker import Queue
from tutormax.catalogue import Process, registry
from tutormax.probes import Stores
from tutormax.tables import jobs

SECOND = timedelta(seconds=1)


class Flaky:
    """A task that fails while it is told to."""

    def __init__(self) -> None:
        self.broken = False
        self.done = Event()

    def __call__(self) -> None:
        if self.broken:
            raise ConnectionError("the server is away\nand so on")
        self.done.set()


def told(task: Steadily, times: int) -> list[tuple[str, str]]:
    with capture_logs() as lines:
        for _ in range(times):
            task()
    return [(line["log_level"], line["event"]) for line in lines]


def test_a_task_tells_for_how_long_it_has_been_failing() -> None:
    flaky = Flaky()
    task = Steadily("relay", flaky)

    told(task, 1)
    well = task.failing()
    flaky.broken = True
    told(task, 2)
    ill = task.failing()

    assert (well, ill) == (None, "relay fails for 0 s")


def test_an_outage_is_told_when_it_begins_and_when_it_is_over() -> None:
    flaky = Flaky()
    task = Steadily("tick", flaky)

    well = told(task, 2)
    flaky.broken = True
    ill = told(task, 3)
    flaky.broken = False
    again = told(task, 2)

    assert (well, ill, again) == ([], [("warning", "task fails, trying on")], [("info", "task works again")])


def test_a_second_outage_is_told_again() -> None:
    flaky = Flaky()
    flaky.broken = True
    task = Steadily("tick", flaky)
    told(task, 2)
    flaky.broken = False
    told(task, 1)
    flaky.broken = True

    assert told(task, 2) == [("warning", "task fails, trying on")]


def test_a_run_that_does_not_end_is_told_once() -> None:
    inside, release = Event(), Event()

    def hang() -> None:
        inside.set()
        release.wait()

    task = Steadily("tick", hang, hanging_seconds=-1)
    running = Thread(target=task)
    running.start()
    inside.wait()

    with capture_logs() as lines:
        task.look()
        task.look()
    release.set()
    running.join()

    assert [line["error"] for line in lines] == ["a server does not answer"]


def test_a_clock_set_ahead_makes_up_for_no_beats() -> None:
    beat = Beat(SECOND)
    years_ago, now = datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)

    assert beat.get_next_fire_time(years_ago, now) == now + SECOND


def test_a_clock_set_back_strands_no_task() -> None:
    ran = Event()
    scheduler = BackgroundScheduler(timezone=UTC)
    job = scheduler.add_job(ran.set, Beat(SECOND), next_run_time=datetime.now(UTC) + timedelta(hours=1))
    scheduler.start()

    wake_if_stranded(job, datetime.now(UTC))

    assert ran.wait(10)
    scheduler.shutdown()


def test_a_task_that_is_due_soon_is_left_alone() -> None:
    scheduler = BackgroundScheduler(timezone=UTC)
    now = datetime.now(UTC)
    job = scheduler.add_job(print, Beat(timedelta(seconds=60)), next_run_time=now + timedelta(seconds=60))
    scheduler.start(paused=True)

    wake_if_stranded(job, now)

    assert job.next_run_time == now + timedelta(seconds=60)
    scheduler.shutdown()


@contextmanager
def running(daemon: Daemon) -> Iterator[None]:
    stop, ended = Event(), list[bool]()
    thread = Thread(target=lambda: ended.append(daemon.run(stop)))
    thread.start()
    yield
    stop.set()
    thread.join()
    assert ended == [True]


def every_second() -> Daemon:
    # Made before the threads, which would each make one.
    db.engine()
    return Daemon([Entry("second", Every(SECOND), CANARIES[Queue.DEFAULT], CatchUp.NONE)], settings.current())


def slots_after(count: int) -> list[datetime]:
    """Wait for some slots to be sent and return them all."""
    slots: list[datetime] = []
    while len(slots) < count:
        time.sleep(0.05)
        with db.transaction() as connection:
            slots = list(connection.execute(select(jobs.c.slot).order_by(jobs.c.slot)).scalars())
    return slots


def test_two_daemons_send_every_slot_once_and_stop_when_told(database: str) -> None:
    assert database

    with running(every_second()), running(every_second()):
        slots = slots_after(4)

    assert len(set(slots)) == len(slots)
    assert metrics.SCHEDULER_HEARTBEAT._value.get() > slots[-1].timestamp() - 1  # noqa: SLF001  # has no reader


@pytest.mark.parametrize("by", [timedelta(seconds=-30), timedelta(seconds=9), timedelta(days=1)])
def test_a_daemon_with_a_wrong_clock_sends_by_the_database_s(
    database: str, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    assert database
    surroundings.ahead(monkeypatch, schedules.daemon, by)

    with running(every_second()):
        slots_after(1)

    with db.transaction() as connection:
        sent = connection.execute(select(jobs.c.slot, jobs.c.created_at)).all()
    # Neither slots to come, nor canaries that had expired long before they were sent.
    assert all(timedelta(0) <= row.created_at - row.slot < timedelta(seconds=20) for row in sent)


def test_a_daemon_whose_connections_are_cut_goes_on(database: str) -> None:
    name = make_url(database).database
    with running(every_second()):
        sent = len(slots_after(1))
        with create_engine(make_url(database).set(database="postgres")).connect() as elsewhere:
            cut = text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name")
            assert len(elsewhere.execute(cut, {"name": name}).all()) > 0
        elsewhere.engine.dispose()
        # Ours were cut, too.
        db.dispose()

        assert len(slots_after(sent + 2)) > sent


def last_success(task: str) -> float:
    labels = {"task": task}
    told = registry(Process.SCHEDULER).get_sample_value("tutormax_scheduler_last_success_timestamp_seconds", labels)
    assert told is not None
    return told


def rename(column: str, to: str) -> None:
    with db.transaction() as connection:
        connection.execute(text(f"alter table jobs rename column {column} to {to}"))


def test_a_relay_that_fails_is_not_ready_but_lives_and_its_last_success_ages(database: str) -> None:
    assert database
    daemon = every_second()
    with closing(Stores()) as stores, running(daemon):
        live, ready = (pages(daemon, stores)[path] for path in ("/livez", "/readyz"))
        slots_after(1)
        well = ready("")[0]
        rename("rung_at", "rung_away")
        while not daemon.failing():
            time.sleep(0.05)
        before = last_success("relay")
        sent = len(slots_after(1))
        slots_after(sent + 1)
        ill, said = ready("")
        after, lives = last_success("relay"), live("")[0]
        ticked_at = last_success("tick")
        rename("rung_away", "rung_at")
        while daemon.failing():
            time.sleep(0.05)

    assert (well, ill, lives) == (True, False, True)
    assert "relay fails for" in str(said)
    assert before == after < ticked_at
    assert last_success("relay") > after

"""The daemon: wakes the tick whatever happens around it."""

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import select
from structlog.testing import capture_logs

from actors.default import CANARIES
from schedules.daemon import Beat, Daemon, Steadily, wake_if_stranded
from schedules.slots import Every
from schedules.tick import CatchUp, Entry
from tutormax import db, metrics, settings
from tutormax.broker import Queue
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


def test_an_outage_is_told_when_it_begins_and_when_it_is_over() -> None:
    flaky = Flaky()
    task = Steadily("tick", flaky)

    well = told(task, 2)
    flaky.broken = True
    ill = told(task, 3)
    flaky.broken = False
    again = told(task, 2)

    assert (well, ill, again) == ([], [("warning", "tick fails, trying on")], [("info", "tick works again")])


def test_a_second_outage_is_told_again() -> None:
    flaky = Flaky()
    flaky.broken = True
    task = Steadily("tick", flaky)
    told(task, 2)
    flaky.broken = False
    told(task, 1)
    flaky.broken = True

    assert told(task, 2) == [("warning", "tick fails, trying on")]


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


def test_two_daemons_send_every_slot_once_and_stop_when_told(database: str) -> None:
    assert database
    # Made before the threads, which would each make one.
    db.engine()
    every_second = Entry("second", Every(SECOND), CANARIES[Queue.DEFAULT], CatchUp.NONE)
    stop = Event()
    ended: list[bool] = []
    daemons = [Daemon([every_second], settings.current()) for _ in range(2)]
    threads = [Thread(target=lambda one=one: ended.append(one.run(stop))) for one in daemons]
    for thread in threads:
        thread.start()

    slots: list[datetime] = []
    while len(slots) < 4:
        stop.wait(0.05)
        with db.transaction() as connection:
            slots = list(connection.execute(select(jobs.c.slot).order_by(jobs.c.slot)).scalars())
    stop.set()
    for thread in threads:
        thread.join()

    assert ended == [True, True]
    assert len(set(slots)) == len(slots)
    assert metrics.SCHEDULER_HEARTBEAT._value.get() > slots[-1].timestamp() - 1  # noqa: SLF001  # has no reader

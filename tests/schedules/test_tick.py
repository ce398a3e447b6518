"""The tick: every slot once, whoever looks and however often."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Row, select, text, update

from actors.default import CANARIES
from schedules import tick as by_a_clock
from schedules.slots import Every, Recurrence, cron
from schedules.tick import GRACE, CatchUp, Emission, Entry
from tests.parts import within
from tutormax import db, emissions, metrics
from tutormax.broker import Queue
from tutormax.db import Begin
from tutormax.emissions import UnknownScheduleError
from tutormax.tables import audit_log, jobs, schedule_slots, schedules

NOW = datetime(2026, 6, 15, 12, 7, tzinfo=UTC)


def entry(when: Recurrence, catch_up: CatchUp = CatchUp.LAST, name: str = "test quarter") -> Entry:
    return Entry(name, when, CANARIES[Queue.DEFAULT], catch_up)


def quarter(catch_up: CatchUp = CatchUp.LAST) -> Entry:
    return entry(cron("*/15 * * * *", ZoneInfo("UTC")), catch_up)


def minute(catch_up: CatchUp = CatchUp.LAST) -> Entry:
    return entry(Every(timedelta(minutes=1)), catch_up, name="test minute")


def tick(entries: Sequence[Entry], now: datetime, begin: Begin = db.transaction) -> list[Emission]:
    """Tick where the clock shows an instant."""
    return by_a_clock.tick(entries, begin, clock=lambda _: now)


def slots(emitted: Sequence[Emission]) -> list[str]:
    return [f"{emission.slot:%d %H:%M:%S}" for emission in emitted]


def test_slots_from_before_a_schedule_was_known_are_not_due(connection: Connection) -> None:
    assert tick([quarter()], NOW, within(connection)) == []
    assert slots(tick([quarter()], NOW + timedelta(minutes=8), within(connection))) == ["15 12:15:00"]


def test_a_slot_at_the_very_instant_of_registration_is_due(connection: Connection) -> None:
    assert slots(tick([quarter()], NOW.replace(minute=15), within(connection))) == ["15 12:15:00"]


def test_a_slot_is_sent_once_however_often_it_is_looked_at(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    sent = [tick([quarter()], NOW + timedelta(minutes=8, seconds=second), within(connection)) for second in range(5)]

    assert [len(each) for each in sent] == [1, 0, 0, 0, 0]


def test_the_job_carries_its_slot_and_is_of_use_until_the_next(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    [emission] = tick([quarter()], NOW + timedelta(minutes=9), within(connection))

    job = connection.execute(select(jobs).where(jobs.c.job_id == emission.job_id)).one()
    assert (job.actor, job.queue, job.requested_by) == ("canary_default", "default", "schedule:test quarter")
    assert (job.slot, job.expires_at) == (NOW.replace(minute=15), NOW.replace(minute=30))
    assert connection.execute(select(schedule_slots.c.job_id)).scalars().all() == [emission.job_id]


def test_after_an_outage_only_the_last_slot_is_caught_up(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    sent = tick([quarter()], NOW + timedelta(hours=5), within(connection))

    assert slots(sent) == ["15 17:00:00"]


def test_the_clock_is_the_database_s(connection: Connection) -> None:
    ahead = "select pg_catalog.clock_timestamp() + interval '1 day'"
    connection.execute(
        text(f"create function public.clock_timestamp() returns timestamptz language sql return ({ahead})")
    )
    connection.execute(text("set local search_path = public, pg_catalog"))

    before, asked, after = datetime.now(UTC), emissions.clock(connection), datetime.now(UTC)

    assert before <= asked - timedelta(days=1) <= after


def test_a_nightly_run_missed_by_hours_is_caught_up(connection: Connection) -> None:
    nightly = entry(cron("0 2 * * *", ZoneInfo("America/New_York")))
    tick([nightly], NOW, within(connection))

    sent = tick([nightly], NOW + timedelta(hours=23), within(connection))

    assert slots(sent) == ["16 06:00:00"]


@pytest.mark.parametrize(("seconds_late", "sent"), [(0, ["15 12:15:00"]), (10, ["15 12:15:00"]), (11, [])])
def test_without_catch_up_a_slot_is_sent_in_time_or_never(
    connection: Connection, seconds_late: int, sent: list[str]
) -> None:
    never_late = quarter(CatchUp.NONE)
    tick([never_late], NOW, within(connection))

    assert slots(tick([never_late], NOW.replace(minute=15, second=seconds_late), within(connection))) == sent


def test_a_clock_that_is_set_back_repeats_nothing(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    tick([quarter()], NOW + timedelta(minutes=8), within(connection))
    tick([quarter()], NOW + timedelta(minutes=23), within(connection))

    assert tick([quarter()], NOW + timedelta(minutes=8), within(connection)) == []


def test_a_clock_that_was_a_day_ahead_for_a_moment_costs_no_slot(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    tick([quarter()], NOW + timedelta(days=1), within(connection))

    assert slots(tick([quarter()], NOW + timedelta(minutes=8), within(connection))) == ["15 12:15:00"]


def test_a_paused_schedule_sends_nothing_and_resumed_makes_up_for_nothing(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    emissions.pause(connection, "test quarter", who="cli:ada", now=NOW)

    paused = tick([quarter()], NOW + timedelta(minutes=8), within(connection))
    emissions.resume(connection, "test quarter", who="cli:ada", now=NOW + timedelta(minutes=10))
    resumed = tick([quarter()], NOW + timedelta(minutes=10), within(connection))
    later = tick([quarter()], NOW + timedelta(minutes=23), within(connection))

    assert (paused, resumed, slots(later)) == ([], [], ["15 12:30:00"])


def test_resuming_what_was_not_paused_changes_nothing(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    emissions.resume(connection, "test quarter", who="cli:ada", now=NOW + timedelta(minutes=9))

    assert slots(tick([quarter()], NOW + timedelta(minutes=9), within(connection))) == ["15 12:15:00"]


def test_pausing_is_written_to_the_audit_log(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    emissions.pause(connection, "test quarter", who="cli:ada", now=NOW)

    row = connection.execute(select(audit_log)).one()
    assert (row.who, row.action, row.subject) == ("cli:ada", "schedule pause", "test quarter")


def test_an_unknown_schedule_cannot_be_paused(connection: Connection) -> None:
    with pytest.raises(UnknownScheduleError, match="'nonsense'"):
        emissions.pause(connection, "nonsense", who="cli:ada", now=NOW)


def test_a_slot_whose_transaction_fails_is_sent_by_the_next_tick(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    failed = metrics.SCHEDULE_EMISSIONS.labels("test quarter", "error")._value.get()  # noqa: SLF001  # its only reader
    transactions = 0

    @contextmanager
    def begin() -> Iterator[Connection]:
        nonlocal transactions
        transactions += 1
        with connection.begin_nested():
            yield connection
            if transactions == 2:
                raise ConnectionError("gone before the commit")

    with pytest.raises(ConnectionError):
        tick([quarter()], NOW + timedelta(minutes=8), begin)

    assert slots(tick([quarter()], NOW + timedelta(minutes=8), begin)) == ["15 12:15:00"]
    assert len(connection.execute(select(schedule_slots)).all()) == 1
    assert metrics.SCHEDULE_EMISSIONS.labels("test quarter", "error")._value.get() == failed + 1  # noqa: SLF001


def test_daemons_that_look_at_the_same_instants_send_each_slot_once(database: str) -> None:
    assert database
    # Made before the threads, which would each make one.
    db.engine()
    entries = [quarter(), minute(CatchUp.NONE)]
    together = Barrier(3)
    sent: list[Emission] = []

    def look() -> None:
        for number in range(61):
            together.wait()
            sent.extend(tick(entries, NOW + timedelta(minutes=number), db.transaction))

    threads = [Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = {("test minute", NOW + timedelta(minutes=number)) for number in range(61)}
    expected |= {("test quarter", NOW.replace(minute=15) + number * timedelta(minutes=15)) for number in range(4)}
    with db.transaction() as connection:
        rows = connection.execute(
            select(schedule_slots.c.name, schedule_slots.c.slot, jobs.c.job_id).join(
                jobs, jobs.c.job_id == schedule_slots.c.job_id
            )
        ).all()
        assert sorted((row.name, row.slot) for row in rows) == sorted(expected)
        assert set(connection.execute(select(jobs.c.job_id)).scalars()) == {row.job_id for row in rows}
    assert sorted((each.name, each.slot) for each in sent) == sorted(expected)


def promised(connection: Connection) -> Row[tuple[object, ...]]:
    return connection.execute(select(schedules)).one()


def test_a_schedule_says_when_it_is_due_next_and_by_when_it_must_succeed(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))

    row = promised(connection)
    assert (row.actor, row.next_slot) == ("canary_default", NOW.replace(minute=15))
    assert row.deadline_at == NOW.replace(minute=15) + GRACE + timedelta(seconds=10)


def test_a_success_puts_the_deadline_off_and_a_failure_does_not(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    later = NOW + timedelta(minutes=20)
    tick([quarter()], later, within(connection))
    before = promised(connection).deadline_at
    connection.execute(update(jobs).values(state="dead", finished_at=later))
    tick([quarter()], later, within(connection))
    after_failure = promised(connection).deadline_at
    connection.execute(update(jobs).values(state="done", finished_at=later))
    tick([quarter()], later, within(connection))

    assert after_failure == before
    assert promised(connection).deadline_at == before + timedelta(minutes=15)


def test_a_run_that_an_operator_asked_for_puts_the_deadline_off(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    job = CANARIES[Queue.DEFAULT].send(connection=connection)
    connection.execute(
        update(jobs).where(jobs.c.job_id == job).values(state="done", finished_at=NOW.replace(minute=20))
    )

    tick([quarter()], NOW, within(connection))

    assert promised(connection).deadline_at == NOW.replace(minute=30) + GRACE + timedelta(seconds=10)


def test_a_schedule_that_is_resumed_owes_nothing_of_what_was_in_between(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    emissions.pause(connection, "test quarter", who="cli:ada", now=NOW)
    resumed = NOW + timedelta(days=3)
    emissions.resume(connection, "test quarter", who="cli:ada", now=resumed)

    tick([quarter()], resumed, within(connection))

    assert promised(connection).deadline_at == resumed.replace(minute=15) + GRACE + timedelta(seconds=10)


def test_what_has_been_said_is_not_written_again_every_second(connection: Connection) -> None:
    tick([quarter()], NOW, within(connection))
    first = promised(connection).served_at

    tick([quarter()], NOW + timedelta(seconds=1), within(connection))

    assert promised(connection).served_at == first

"""What is too old goes, and nothing else does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from tests.factories import add_event, add_feedback, add_score, add_session, add_tutor
from tests.faults.harness import eventually
from tests.parts import within
from tutormax import db, partitions, rollup
from tutormax.evaluation import evaluate_single_tutor, evaluate_tutors
from tutormax.partitions import Patience, TablesInUseError
from tutormax.retention import CleanupSummary, cleanup
from tutormax.windows import Window

NOW = datetime(2026, 6, 15, 3, 0, tzinfo=UTC)


def cleaned(connection: Connection, *, retention_days: int = 200, timezone: str = "UTC") -> CleanupSummary:
    return cleanup(within(connection), now=NOW, retention_days=retention_days, timezone=timezone)


def column(connection: Connection, statement: str) -> list[object]:
    return list(connection.execute(text(statement)).scalars())


def add_judgement(connection: Connection, tutor: int, window_end: datetime, *, active: bool = True) -> None:
    statement = """
        insert into tutor_performance_metrics (
            tutor_id, window_days, window_end, active, sessions_scheduled, sessions_completed, no_show_count,
            green_flags, red_flags
        ) values (:tutor, 7, :window_end, :active, 0, 0, 0, 0, 0)
    """
    connection.execute(text(statement), {"tutor": tutor, "window_end": window_end, "active": active})


def add_features(connection: Connection, tutor: int, as_of: datetime, purpose: str) -> None:
    statement = """
        insert into feature_snapshots (tutor_id, as_of, feature_version, features, purpose)
        values (:tutor, :as_of, 'one', array_fill(0::real, array[58]), :purpose)
    """
    connection.execute(text(statement), {"tutor": tutor, "as_of": as_of, "purpose": purpose})


def add_job(connection: Connection, state: str, finished_at: datetime | None) -> None:
    statement = """
        insert into jobs (actor, queue, state, finished_at, requested_by)
        values ('an actor', 'default', :state, :finished_at, 'a test')
    """
    connection.execute(text(statement), {"state": state, "finished_at": finished_at})


def add_slot(connection: Connection, name: str, slot: datetime) -> None:
    connection.execute(
        text("insert into schedules values (:name, :slot) on conflict do nothing"), {"name": name, "slot": slot}
    )
    statement = "insert into schedule_slots (name, slot, job_id) values (:name, :slot, gen_random_uuid())"
    connection.execute(text(statement), {"name": name, "slot": slot})


def test_months_wholly_older_than_the_retention_are_dropped(connection: Connection) -> None:
    partitions.ensure(connection, NOW - timedelta(days=400), NOW)
    tutor = add_tutor(connection)
    for days in (10, 199, 260):
        at = NOW - timedelta(days=days)
        add_feedback(connection, add_session(connection, tutor, scheduled_start=at))
        add_event(connection, tutor, "login", event_time=at)

    summary = cleaned(connection, retention_days=200)

    oldest = NOW - timedelta(days=200)
    assert {"sessions_2025_09", "student_feedback_2025_09", "tutor_events_2025_09"} <= set(summary.partitions_dropped)
    for name in ("sessions", "student_feedback", "tutor_events"):
        assert f"{name}_2025_11" in partitions.existing(connection)
        assert f"{name}_2025_10" not in partitions.existing(connection)
    left = column(connection, "select scheduled_start from sessions order by 1")
    assert [at for at in left if isinstance(at, datetime) and at < oldest] == []
    assert len(left) == 2
    assert len(column(connection, "select 1 from tutor_events")) == 2


def waiting_for_a_table(connection: Connection) -> bool:
    connection.rollback()
    return bool(column(connection, "select 1 from pg_locks where locktype = 'relation' and not granted"))


@pytest.mark.usefixtures("database")
def test_who_reads_for_long_delays_the_months_and_neither_the_rest_nor_other_readers() -> None:
    once = Patience(attempts=1, pause_seconds=0)
    with db.transaction() as connection:
        partitions.ensure(connection, NOW - timedelta(days=400), NOW + timedelta(days=92))
        add_job(connection, "done", NOW - timedelta(days=31))

    with ThreadPoolExecutor(1) as other, db.transaction() as dump, db.engine().connect() as looking:
        column(dump, "select 1 from sessions")
        night = other.submit(cleanup, db.transaction, now=NOW, retention_days=200, patience=once)
        eventually(lambda: night.done() or waiting_for_a_table(looking), seconds=20)
        with db.transaction() as reader:
            # Queued behind who wants to drop a month, though not for long.
            reader.execute(text("set local lock_timeout = '10s'"))
            assert column(reader, "select count(*) from sessions") == [0]
        summary = night.result(20)

    assert (summary.jobs, summary.partitions_dropped, summary.tables_in_use) == (1, (), True)
    assert "sessions_2025_10" in cleanup(db.transaction, now=NOW, retention_days=200).partitions_dropped


@pytest.mark.usefixtures("database")
def test_a_month_that_cannot_be_made_is_tried_again_and_then_told() -> None:
    later = datetime(2031, 1, 20, tzinfo=UTC)
    with db.transaction() as dump:
        column(dump, "select 1 from sessions")
        with pytest.raises(TablesInUseError, match="each of 2 attempts"):
            partitions.make(db.transaction, later, later, Patience(attempts=2, pause_seconds=0))

    assert partitions.make(db.transaction, later, later) == len(partitions.PARTITIONED)


@pytest.mark.usefixtures("database")
def test_who_has_to_give_in_to_somebody_with_the_opposite_order_tries_again() -> None:
    def lock(connection: Connection, key: int, *, gives_in_after: str) -> None:
        connection.execute(text(f"set local deadlock_timeout = '{gives_in_after}'"))
        connection.execute(text(f"select pg_advisory_xact_lock({key})"))

    def once() -> str:
        with db.transaction() as connection:
            lock(connection, 1, gives_in_after="500ms")
            lock(connection, 2, gives_in_after="500ms")
        return "done"

    with ThreadPoolExecutor(1) as other, db.transaction() as opposite, db.engine().connect() as looking:
        lock(opposite, 2, gives_in_after="20s")
        ours = other.submit(partitions.patiently, once, Patience(attempts=2, pause_seconds=0))
        eventually(lambda: column(looking, "select 1 from pg_locks where locktype = 'advisory' and not granted") == [1])
        lock(opposite, 1, gives_in_after="20s")
        opposite.commit()
        assert ours.result(20) == "done"


def test_the_months_to_come_have_their_partitions(connection: Connection) -> None:
    later = datetime(2031, 1, 20, tzinfo=UTC)

    summary = cleanup(within(connection), now=later, retention_days=2000)

    assert summary.partitions_made == len(partitions.PARTITIONED) * 4
    assert {f"sessions_2031_0{month}" for month in (1, 2, 3, 4)} <= partitions.existing(connection)


def test_of_old_judgements_those_stay_that_hold_at_a_midnight(connection: Connection) -> None:
    tutor = add_tutor(connection)
    midnight = datetime(2026, 6, 12, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    kept = [
        # What held when all that is kept began.
        NOW - timedelta(days=210),
        midnight,
        midnight + timedelta(hours=13),
        # The last of what has passed, and what is not yet old.
        datetime(2026, 6, 13, 2, 45, tzinfo=UTC),
        datetime(2026, 6, 13, 3, 15, tzinfo=UTC),
        datetime(2026, 6, 13, 3, 30, tzinfo=UTC),
    ]
    gone = [NOW - timedelta(days=220), midnight - quarter, midnight + quarter, datetime(2026, 6, 13, 1, tzinfo=UTC)]
    for window_end in kept + gone:
        add_judgement(connection, tutor, window_end)

    summary = cleaned(connection)

    assert summary.performance_metrics == len(gone)
    assert column(connection, "select window_end from tutor_performance_metrics order by 1") == sorted(kept)


def test_the_judgement_of_who_left_long_ago_goes_and_of_who_is_still_there_stays(connection: Connection) -> None:
    left, stays = add_tutor(connection), add_tutor(connection)
    add_judgement(connection, left, NOW - timedelta(days=201), active=False)
    add_judgement(connection, stays, NOW - timedelta(days=201))

    assert cleaned(connection).performance_metrics == 1
    assert column(connection, "select tutor_id from tutor_performance_metrics") == [stays]


def test_of_old_evaluations_the_one_at_midnight_stays(connection: Connection) -> None:
    midnight = datetime(2026, 6, 12, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    kept = [midnight, NOW - timedelta(days=2) + quarter]
    for window_end in [*kept, midnight + quarter, midnight - timedelta(days=250)]:
        connection.execute(text("insert into evaluations (window_end) values (:at)"), {"at": window_end})

    cleaned(connection)

    assert column(connection, "select window_end from evaluations order by 1") == kept


def test_marks_go_with_the_months_that_they_are_of(connection: Connection) -> None:
    partitions.ensure(connection, NOW - timedelta(days=400), NOW)
    tutor = add_tutor(connection)
    first_kept = datetime(2025, 11, 1, tzinfo=UTC)
    for at in (NOW, first_kept, first_kept - timedelta(microseconds=1)):
        add_event(connection, tutor, "login", event_time=at)

    cleaned(connection, retention_days=200)

    assert column(connection, "select day from touched_days order by 1") == [first_kept.date(), NOW.date()]
    rollup.sum_up(connection)


def test_sums_of_windows_go_with_the_months_that_they_hold(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for back in (3, 40):
        add_session(connection, tutor, scheduled_start=NOW - timedelta(days=back))
    evaluate_single_tutor(connection, tutor, Window(NOW))

    cleaned(connection, retention_days=14)
    evaluate_single_tutor(connection, tutor, Window(NOW + timedelta(days=1)))

    # The session of May is gone, and with it what the day before counted it in.
    assert column(connection, "select sum(scheduled) from tutor_windows where ends_on = '2026-06-16'") == [1]


@pytest.mark.usefixtures("database")
def test_marks_that_come_while_their_month_waits_to_be_dropped_go_with_it_too() -> None:
    old = NOW - timedelta(days=260)
    with db.transaction() as connection:
        partitions.ensure(connection, NOW - timedelta(days=400), NOW + timedelta(days=92))
        tutor = add_tutor(connection)

    with ThreadPoolExecutor(1) as other, db.transaction() as first_import, db.engine().connect() as looking:
        add_event(first_import, tutor, "login", event_time=old)
        night = other.submit(cleanup, db.transaction, now=NOW, retention_days=200)
        eventually(lambda: night.done() or waiting_for_a_table(looking), seconds=20)
        first_import.commit()
        assert not night.result(60).tables_in_use

    with db.transaction() as connection:
        assert column(connection, "select day from touched_days") == []
        evaluate_tutors(connection, Window(NOW))


@pytest.mark.usefixtures("database")
def test_the_sums_of_a_month_stay_while_an_import_brings_its_facts_back() -> None:
    month = datetime(2025, 10, 1, tzinfo=UTC)

    @contextmanager
    def beside_an_import() -> Iterator[Connection]:
        with db.transaction() as connection:
            yield connection
            gone = "sessions_2025_10" not in partitions.existing(connection)
        if gone:
            partitions.make(db.transaction, month, month)

    summary = cleanup(beside_an_import, now=NOW, retention_days=200, patience=Patience(attempts=1, pause_seconds=0))

    assert summary.tables_in_use
    with db.transaction() as connection:
        assert {f"{table}_2025_10" for table in ("sessions", "tutor_days")} <= partitions.existing(connection)


@pytest.mark.parametrize(("timezone", "hour"), [("UTC", 0), ("America/New_York", 4)])
def test_old_served_features_go_but_for_those_of_the_nightly_run(
    connection: Connection, timezone: str, hour: int
) -> None:
    tutor = add_tutor(connection)
    nightly = datetime(2026, 5, 20, hour, tzinfo=UTC)
    add_features(connection, tutor, nightly, "serving")
    add_features(connection, tutor, nightly + timedelta(minutes=15), "serving")
    add_features(connection, tutor, nightly + timedelta(minutes=30), "training")
    add_features(connection, tutor, NOW - timedelta(days=13), "serving")

    summary = cleaned(connection, timezone=timezone)

    assert summary.feature_snapshots == 1
    left = column(connection, "select as_of from feature_snapshots order by 1")
    assert left == [nightly, nightly + timedelta(minutes=30), NOW - timedelta(days=13)]


@pytest.mark.parametrize("purpose", ["serving", "training"])
def test_features_are_kept_as_long_as_the_facts_that_they_were_made_of(connection: Connection, purpose: str) -> None:
    tutor = add_tutor(connection)
    nightly = datetime(2026, 6, 15, tzinfo=UTC)
    for days in (199, 201):
        add_features(connection, tutor, nightly - timedelta(days=days), purpose)

    summary = cleaned(connection, retention_days=200)

    assert summary.feature_snapshots == 1
    assert column(connection, "select as_of from feature_snapshots") == [nightly - timedelta(days=199)]


def test_scores_are_kept_as_long_as_the_facts_that_they_were_made_of(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days in (199, 201):
        add_score(connection, tutor, NOW - timedelta(days=days))

    summary = cleaned(connection, retention_days=200)

    assert summary.churn_predictions == 1
    assert column(connection, "select as_of from churn_predictions") == [NOW - timedelta(days=199)]


def test_jobs_that_ended_long_ago_go_and_dead_ones_stay(connection: Connection) -> None:
    long_ago, lately = NOW - timedelta(days=31), NOW - timedelta(days=29)
    for state, finished_at in (
        ("done", long_ago),
        ("cancelled", long_ago),
        ("done", lately),
        ("dead", long_ago),
        ("pending", None),
    ):
        add_job(connection, state, finished_at)

    summary = cleaned(connection)

    assert summary.jobs == 2
    assert sorted(map(str, column(connection, "select state from jobs"))) == ["dead", "done", "pending"]


def test_a_schedule_always_knows_its_newest_slot(connection: Connection) -> None:
    for days in (90, 60, 50):
        add_slot(connection, "rare", NOW - timedelta(days=days))
    for days in (40, 20, 1):
        add_slot(connection, "often", NOW - timedelta(days=days))

    summary = cleaned(connection)

    assert summary.schedule_slots == 3
    left = column(connection, "select slot from schedule_slots order by 1")
    assert left == [NOW - timedelta(days=days) for days in (50, 20, 1)]


def test_a_second_cleanup_finds_nothing(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_judgement(connection, tutor, NOW - timedelta(days=5))
    cleaned(connection)

    again = cleaned(connection)

    assert again == CleanupSummary((), 0, False, 0, 0, 0, 0, 0)

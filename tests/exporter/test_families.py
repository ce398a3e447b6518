"""What the exporter says is what the tables hold."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, insert, text

from tests.factories import NOW, add_tutor
from tutormax import emissions, metrics, queries
from tutormax.broker import Queue
from tutormax.catalogue import OTHER, Bounded, Process, registry
from tutormax.emissions import Promise
from tutormax.exporter import families
from tutormax.exporter.discovery import targets
from tutormax.exporter.stores import MOST_SCHEDULES
from tutormax.registration import Row, State, enter
from tutormax.tables import (
    audit_log,
    breakers,
    churn_predictions,
    jobs,
    models,
    schedule_slots,
    tutor_performance_metrics,
)

HOUR = timedelta(hours=1)


class Given(Collector):
    """A collector of families that are there already."""

    def __init__(self, given: Iterable[Metric]) -> None:
        self._given = list(given)

    def collect(self) -> Iterator[Metric]:
        yield from self._given


class Exported:
    """The families, asked by name and labels."""

    def __init__(self, given: Iterable[Metric]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Given(given))

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels)


def rows(connection: Connection, name: str, **bound: object) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(queries.load(f"exporter/{name}"), bound).mappings()]


def add_job(connection: Connection, *, state: str = "pending", queue: str = Queue.EVALUATION, **facts: object) -> None:
    now = datetime.now(UTC)
    values = {
        "job_id": uuid4(),
        "actor": "evaluate_tutor_performance",
        "queue": queue,
        "args": {},
        "state": state,
        "available_at": now,
        "lease_until": now + HOUR if state == "running" else None,
        "requested_by": "a test",
    }
    connection.execute(insert(jobs).values(values | facts))


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_depth_and_age_by_state(connection: Connection) -> None:
    add_job(connection, available_at=ago(300))
    add_job(connection, available_at=ago(100))
    add_job(connection, available_at=ago(-300))
    add_job(connection, state="running", started_at=ago(50))
    add_job(connection, state="dead", finished_at=ago(5000))
    add_job(connection, state="done", finished_at=ago(9000))

    exported = Exported(families.of_depths(rows(connection, "queue_depths")))

    def depth(state: str) -> float | None:
        return exported("dramatiq_queue_messages", queue_name="evaluation", state=state)

    def age(state: str) -> float | None:
        return exported("dramatiq_queue_oldest_message_age_seconds", queue_name="evaluation", state=state)

    assert [depth(state) for state in families.STATES] == [2, 1, 1, 1]
    assert [age(state) for state in families.AGED] == pytest.approx([300, 50, 5000], abs=30)
    assert age("delayed") is None


def test_an_empty_queue_is_zero_in_every_state(connection: Connection) -> None:
    exported = Exported(families.of_depths(rows(connection, "queue_depths")))

    for queue in Queue:
        assert [exported("dramatiq_queue_messages", queue_name=queue, state=state) for state in families.STATES] == [
            0
        ] * 4
        assert exported("dramatiq_queue_oldest_message_age_seconds", queue_name=queue, state="ready") == 0


def test_thousands_of_queue_names_become_one(connection: Connection) -> None:
    connection.execute(
        text(
            "insert into jobs (actor, queue, requested_by)"
            " select 'a', 'queue ' || number, 'a test' from generate_series(1, 5000) as number"
        )
    )

    exported = list(families.of_depths(rows(connection, "queue_depths")))

    assert sum(sample.value for sample in exported[0].samples) == 5000
    assert len({sample.labels["queue_name"] for sample in exported[0].samples}) <= 31
    folded = {"metric": "dramatiq_queue_messages"}
    assert (registry(Process.EXPORTER).get_sample_value("tutormax_metrics_label_overflow_total", folded) or 0) > 4900
    # The names of this test stay in the label for as long as the process lives.
    families.queue_label = Bounded(families.queue_label.metric, 30, metrics.LABEL_OVERFLOW)


@pytest.fixture
def served(connection: Connection) -> Connection:
    """A schedule that was registered an hour ago and is due at noon."""
    emissions.unsent(connection, {"evaluation": NOW}, NOW - HOUR)
    emissions.promise(connection, [Promise("evaluation", "evaluate_tutor_performance", NOW, NOW + HOUR)])
    return connection


def schedules(connection: Connection) -> Exported:
    return Exported(families.of_schedules(rows(connection, "schedules", most=MOST_SCHEDULES)))


def of(exported: Exported, what: str) -> float | None:
    return exported(f"tutormax_schedule_{what}", schedule="evaluation")


def test_a_schedule_says_when_it_is_due_and_by_when_it_must_succeed(served: Connection) -> None:
    exported = schedules(served)

    assert of(exported, "next_fire_timestamp_seconds") == NOW.timestamp()
    assert of(exported, "deadline_timestamp_seconds") == (NOW + HOUR).timestamp()
    assert of(exported, "paused") == 0


def test_a_schedule_that_never_ran_says_zero_and_not_nothing(served: Connection) -> None:
    exported = schedules(served)

    for what in ("last_fire", "last_start", "last_success"):
        assert of(exported, f"{what}_timestamp_seconds") == 0
    assert of(exported, "unstarted") == 0
    assert of(exported, "consecutive_failures") == 0
    assert of(exported, "last_duration_seconds") is None


def test_a_schedule_says_how_its_runs_went(served: Connection) -> None:
    add_job(served, state="done", started_at=NOW - HOUR, finished_at=NOW - HOUR + timedelta(seconds=90))
    add_job(served, state="dead", started_at=NOW - HOUR / 2, finished_at=NOW - HOUR / 3, error_type="RuntimeError")
    add_job(served, state="cancelled", finished_at=NOW - HOUR / 4, error_type="Expired")
    add_job(served, state="cancelled", finished_at=NOW - HOUR / 5, error_type="Cancelled")
    served.execute(insert(schedule_slots).values(name="evaluation", slot=NOW, job_id=uuid4(), emitted_at=NOW))

    exported = schedules(served)

    assert of(exported, "last_fire_timestamp_seconds") == NOW.timestamp()
    assert of(exported, "last_start_timestamp_seconds") == (NOW - HOUR / 2).timestamp()
    assert of(exported, "last_success_timestamp_seconds") == (NOW - HOUR).timestamp() + 90
    assert of(exported, "last_duration_seconds") == 90
    assert of(exported, "consecutive_failures") == 2


def test_a_success_that_an_operator_asked_for_counts_and_one_with_other_arguments_does_not(served: Connection) -> None:
    add_job(served, state="done", started_at=NOW, finished_at=NOW, requested_by="cli:ada")
    add_job(served, state="done", started_at=NOW, finished_at=NOW + HOUR, args={"window_end": "2026-01-01T00:00:00Z"})

    assert of(schedules(served), "last_success_timestamp_seconds") == NOW.timestamp()


def add_slot(connection: Connection, slot: datetime, **facts: object) -> None:
    job_id = uuid4()
    add_job(connection, job_id=job_id, **facts)  # type: ignore[arg-type]  # the state is text
    connection.execute(insert(schedule_slots).values(name="evaluation", slot=slot, job_id=job_id, emitted_at=slot))


def test_a_slot_whose_job_waits_for_a_worker_is_unstarted(served: Connection) -> None:
    before = of(schedules(served), "unstarted")
    add_slot(served, NOW)

    assert (before, of(schedules(served), "unstarted")) == (0, 1)


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "running", "started_at": NOW},
        {"state": "pending", "attempts": 1, "started_at": NOW},
        {"state": "cancelled", "finished_at": NOW},
    ],
    ids=["runs", "is tried again", "was cancelled"],
)
def test_a_slot_whose_job_waits_for_no_worker_is_not_unstarted(served: Connection, facts: dict[str, object]) -> None:
    add_slot(served, NOW - HOUR)
    add_slot(served, NOW, **facts)

    assert of(schedules(served), "unstarted") == 0


def test_a_slot_whose_job_was_dropped_is_not_unstarted(served: Connection) -> None:
    served.execute(insert(schedule_slots).values(name="evaluation", slot=NOW, job_id=uuid4(), emitted_at=NOW))

    assert of(schedules(served), "unstarted") == 0


def test_a_paused_schedule_says_so(served: Connection) -> None:
    emissions.pause(served, "evaluation", who="cli:ada", now=NOW)

    assert of(schedules(served), "paused") == 1


def test_a_schedule_that_left_the_timetable_is_shown_no_more(served: Connection) -> None:
    emissions.unsent(served, {"training": NOW}, NOW - HOUR)
    emissions.promise(served, [Promise("training", "train_models", NOW, NOW)])
    served.execute(text("update schedules set served_at = served_at - interval '3 minutes' where name = 'evaluation'"))

    assert of(schedules(served), "deadline_timestamp_seconds") is None


def test_when_all_schedulers_are_silent_every_schedule_is_still_shown(served: Connection) -> None:
    served.execute(text("update schedules set served_at = served_at - interval '3 days'"))

    assert of(schedules(served), "deadline_timestamp_seconds") == (NOW + HOUR).timestamp()


def test_a_canary_is_known_by_its_queue(connection: Connection) -> None:
    emissions.unsent(connection, {"canary_training": NOW}, NOW - HOUR)
    emissions.promise(connection, [Promise("canary_training", "canary_training", NOW, NOW + HOUR)])
    before = schedules(connection)("tutormax_canary_last_success_timestamp_seconds", queue_name="training")
    add_job(connection, queue="training", actor="canary_training", state="done", started_at=NOW, finished_at=NOW)

    after = schedules(connection)("tutormax_canary_last_success_timestamp_seconds", queue_name="training")

    assert (before, after) == (0, NOW.timestamp())


def add_process(connection: Connection, *, seen: timedelta = timedelta(0), **facts: Any) -> None:
    values = {"kind": Process.WORKER, "service": "evaluation", "state": State.UP, "address": "127.0.0.1:9400"}
    row = Row(uuid4(), pid=1, **values | {"host": "here"} | facts)
    enter(connection, row)
    connection.execute(
        text("update processes set seen_at = seen_at - :seen where process_id = :id"),
        {"seen": seen, "id": row.process_id},
    )


def test_workers_are_up_draining_or_lost(connection: Connection) -> None:
    add_process(connection)
    add_process(connection, state=State.DRAINING)
    add_process(connection, seen=timedelta(seconds=30))
    add_process(connection, seen=timedelta(minutes=11))
    add_process(connection, kind=Process.SCHEDULER, service="scheduler")

    exported = Exported(families.of_processes(rows(connection, "processes", host="here")))

    counts = [
        exported("dramatiq_worker_processes", service="evaluation", state=state) for state in families.WORKER_STATES
    ]
    assert counts == [1, 1, 1]
    assert exported("dramatiq_worker_processes", service="scheduler", state="up") is None


def test_a_process_that_nobody_can_scrape_is_seen(connection: Connection) -> None:
    add_process(connection, address=None)
    add_process(connection, service="prediction")

    exported = Exported(families.of_processes(rows(connection, "processes", host="here")))

    assert exported("tutormax_processes_without_metrics", service="evaluation") == 1
    assert exported("tutormax_processes_without_metrics", service="prediction") == 0


@pytest.mark.parametrize("address", ["127.0.0.1:9400", "localhost:9400", "[::1]:9400"])
def test_a_process_that_announces_a_loopback_address_on_another_host_cannot_be_scraped(
    connection: Connection, address: str
) -> None:
    add_process(connection, address=address)
    add_process(connection, address=address, host="there", service="prediction")
    add_process(connection, address="there:9400", host="there", service="training")

    there = rows(connection, "processes", host="here")

    exported = Exported(families.of_processes(there))
    unseen = [
        exported("tutormax_processes_without_metrics", service=service)
        for service in ("evaluation", "prediction", "training")
    ]
    assert unseen == [0, 1, 0]
    assert [group["targets"] for group in targets(there)] == [[address], ["there:9400"]]


def test_the_model_in_service(connection: Connection) -> None:
    quality = {"horizons": {"30": {"quality": {"challenger": {"auc": 0.91, "brier": 0.07}}}}}
    for version, status, measured in (("20260614_020000", "retired", {}), ("20260615_020000", "champion", quality)):
        connection.execute(
            insert(models).values(
                model_id=f"customer/{version}",
                population="customer",
                status=status,
                feature_version="1",
                manifest_sha256="0" * 64,
                as_of=NOW,
                trained_at=NOW,
                metrics=measured,
            )
        )

    exported = Exported(families.of_models(rows(connection, "models")))

    info = {"model": "customer", "version": "20260615_020000", "algorithm": "xgboost"}
    assert exported("tutormax_model_info", **info) == 1
    assert exported("tutormax_model_trained_timestamp_seconds", model="customer") == NOW.timestamp()
    assert exported("tutormax_model_auc_ratio", model="customer", dataset="holdout") == 0.91
    assert exported("tutormax_model_brier_score_ratio", model="customer", dataset="holdout") == 0.07


def test_a_model_without_a_measurement_is_shown_without_one(connection: Connection) -> None:
    connection.execute(
        insert(models).values(
            model_id="synthetic/1",
            population="synthetic",
            status="champion",
            feature_version="1",
            manifest_sha256="0" * 64,
            as_of=NOW,
            trained_at=NOW,
        )
    )

    exported = Exported(families.of_models(rows(connection, "models")))

    assert exported("tutormax_model_trained_timestamp_seconds", model="synthetic") == NOW.timestamp()
    assert exported("tutormax_model_auc_ratio", model="synthetic", dataset="holdout") is None


def test_what_operators_did_is_counted_from_the_audit_log(connection: Connection) -> None:
    for action in ("job requeue", "job requeue", "job drop", "schedule pause"):
        connection.execute(insert(audit_log).values(who="cli:ada", action=action, subject="x", details={}))

    exported = Exported(families.of_operator_actions(rows(connection, "operator_actions")))

    times = [exported("tutormax_dead_letter_actions_total", action=action) for action in ("requeue", "drop", "cancel")]
    assert times == [2, 1, 0]
    assert exported("tutormax_dead_letter_actions_total", action="schedule pause") is None


def test_what_is_left_alone_is_told_and_what_never_failed_is_not(connection: Connection) -> None:
    connection.execute(insert(breakers).values(name="mail", failures=5, opened_at=NOW))

    exported = Exported(families.of_breakers(rows(connection, "breakers")))

    assert exported("tutormax_breaker_open", breaker="mail") == 1
    assert exported("tutormax_breaker_open", breaker="model_store") == 0


def judge(connection: Connection, tutor: int, tier: str | None, window_end: datetime = NOW) -> None:
    connection.execute(
        insert(tutor_performance_metrics).values(
            tutor_id=tutor,
            window_days=30,
            window_end=window_end,
            sessions_scheduled=9,
            sessions_completed=8,
            no_show_count=1,
            green_flags=0,
            red_flags=0,
            tier=tier,
        )
    )


def score(connection: Connection, tutor: int, level: str, as_of: datetime = NOW) -> None:
    connection.execute(
        insert(churn_predictions).values(
            tutor_id=tutor,
            as_of=as_of,
            model_id="rule",
            p30=0.5,
            churn_score=50,
            risk_level=level,
            churn_predicted=False,
            reasons={},
            trigger="nightly",
        )
    )


def test_tutors_by_the_latest_tier_and_risk(connection: Connection) -> None:
    fell, left, new = (add_tutor(connection) for _ in range(3))
    judge(connection, fell, "strong", NOW - timedelta(minutes=30))
    judge(connection, fell, "at_risk")
    judge(connection, left, "strong", NOW - timedelta(hours=2))
    judge(connection, new, None)
    score(connection, fell, "low", NOW - HOUR)
    score(connection, fell, "critical")

    exported = Exported(families.of_tutors(rows(connection, "tutors")))

    assert exported("tutormax_tutors", tier="at_risk", risk_level="critical") == 1
    assert exported("tutormax_tutors", tier="none", risk_level="none") == 1
    assert exported("tutormax_tutors", tier="strong", risk_level="low") == 0


def test_a_label_that_is_full_says_other() -> None:
    full = Bounded("full", 0, metrics.LABEL_OVERFLOW)

    assert full("anything") == OTHER

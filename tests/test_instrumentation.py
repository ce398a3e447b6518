"""Instrumentation: Prometheus' numbers are the ledger's, and a fault in counting harms no work."""

import threading
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import dramatiq
import pytest
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.worker import Worker
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from tests.jobs import probes
from tutormax import db, stages
from tutormax.broker import DoorbellBroker, Queue
from tutormax.catalogue import Process, registry
from tutormax.instrumentation import Instrumentation, harmless
from tutormax.jobs import JobActor, ring
from tutormax.jobs.limits import REASONS
from tutormax.jobs.outcomes import Outcome


@pytest.fixture
def effects(database: str) -> None:
    """A database of the test's own with a table of effects; nobody is rung."""
    assert database
    ring.use(None)
    with db.transaction() as connection:
        probes.make_effects(connection)


def exported() -> CollectorRegistry:
    return registry(Process.WORKER)


def value(name: str, **labels: str) -> float:
    return exported().get_sample_value(name, labels) or 0.0


def of(actor: str, name: str, **labels: str) -> float:
    return value(name, queue_name=probes.QUEUE, actor_name=actor, **labels)


def doorbell(actor: JobActor[Any, Any], job: UUID) -> MessageProxy:
    return MessageProxy(dramatiq.Message(actor.queue_name, actor.actor_name, args=(str(job),), kwargs={}, options={}))


def answered(actor: JobActor[Any, Any], job: UUID, counts: Instrumentation | None = None) -> None:
    """Answer a doorbell as a worker's thread does."""
    counts, message, broker = counts or Instrumentation(), doorbell(actor, job), dramatiq.get_broker()
    counts.before_process_message(broker, message)
    actor.answer(str(job))
    counts.after_process_message(broker, message)


def overdue(seconds: float) -> None:
    with db.transaction() as connection:
        connection.execute(text("update jobs set available_at = now() - make_interval(secs => :s)"), {"s": seconds})


@pytest.mark.usefixtures("effects")
def test_a_success_is_counted_and_timed_with_its_job_and_trace() -> None:
    before = of("leave_mark", "dramatiq_messages_total", outcome="success")
    timed = of("leave_mark", "dramatiq_message_duration_seconds_count")
    job = probes.leave_mark.send("a")

    answered(probes.leave_mark, job)

    assert of("leave_mark", "dramatiq_messages_total", outcome="success") == before + 1
    assert of("leave_mark", "dramatiq_message_duration_seconds_count") == timed + 1
    assert of("leave_mark", "dramatiq_messages_inprogress") == 0
    assert exemplars("leave_mark")[-1]["job_id"] == str(job)
    assert len(exemplars("leave_mark")[-1]["trace_id"]) == 32


def exemplars(actor: str) -> list[dict[str, str]]:
    samples = (sample for family in exported().collect() for sample in family.samples)
    newest_last = sorted(
        (sample.exemplar for sample in samples if sample.labels.get("actor_name") == actor and sample.exemplar),
        key=lambda exemplar: exemplar.timestamp or 0,
    )
    return [dict(exemplar.labels) for exemplar in newest_last]


@pytest.mark.usefixtures("effects")
def test_a_failure_is_a_retry_until_it_is_dead() -> None:
    names = ("message_errors", "message_retries", "message_rejects")
    before = [of("fail_until", f"dramatiq_{name}_total") for name in names]
    job = probes.fail_until.send("a", 99)

    for _ in range(4):
        overdue(0)
        answered(probes.fail_until, job)

    after = [of("fail_until", f"dramatiq_{name}_total") for name in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [4, 3, 1]
    assert value("dramatiq_message_exceptions_total", actor_name="fail_until", exception="RuntimeError") >= 4


@pytest.mark.usefixtures("effects")
def test_a_doorbell_with_nothing_to_do_is_skipped_and_not_timed() -> None:
    skipped = of("leave_mark", "dramatiq_messages_total", outcome="skipped")
    timed = of("leave_mark", "dramatiq_message_duration_seconds_count")

    answered(probes.leave_mark, uuid4())

    assert of("leave_mark", "dramatiq_messages_total", outcome="skipped") == skipped + 1
    assert of("leave_mark", "dramatiq_message_duration_seconds_count") == timed


@pytest.mark.usefixtures("effects")
def test_a_start_later_than_the_queues_target_is_late_and_one_in_time_is_not() -> None:
    late = value("dramatiq_messages_late_total", queue_name=probes.QUEUE)
    in_time, too_late = probes.leave_mark.send("a"), probes.leave_mark.send("b")

    answered(probes.leave_mark, in_time)
    overdue(61)
    answered(probes.leave_mark, too_late)

    assert value("dramatiq_messages_late_total", queue_name=probes.QUEUE) == late + 1


@pytest.mark.usefixtures("effects")
def test_attempts_are_counted_by_organization() -> None:
    job = probes.leave_mark.send("a")
    with db.transaction() as connection:
        connection.execute(text("update jobs set organization_id = 4711"))

    answered(probes.leave_mark, job)

    assert value("tutormax_tenant_messages_total", tenant="4711", outcome="success") == 1


def test_a_doorbell_that_broke_off_is_lost() -> None:
    counts, message, broker = Instrumentation(), doorbell(probes.leave_mark, uuid4()), dramatiq.get_broker()
    lost = of("leave_mark", "dramatiq_messages_total", outcome="lost")

    counts.before_process_message(broker, message)
    counts.after_process_message(broker, message, exception=RuntimeError("broken"))

    assert of("leave_mark", "dramatiq_messages_total", outcome="lost") == lost + 1
    assert of("leave_mark", "dramatiq_messages_inprogress") == 0


def test_an_end_whose_start_was_not_seen_lowers_no_gauge() -> None:
    counts, broker = Instrumentation(), dramatiq.get_broker()

    counts.after_skip_message(broker, doorbell(probes.leave_mark, uuid4()))

    assert of("leave_mark", "dramatiq_messages_inprogress") == 0


def test_attempts_in_several_threads_are_counted_apart() -> None:
    counts, broker = Instrumentation(), dramatiq.get_broker()
    both = threading.Barrier(3)

    def attempt() -> None:
        counts.before_process_message(broker, doorbell(probes.leave_mark, uuid4()))
        both.wait()
        both.wait()
        counts.after_process_message(broker, doorbell(probes.leave_mark, uuid4()), exception=RuntimeError())

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait()
    running = of("leave_mark", "dramatiq_messages_inprogress")
    both.wait()
    for thread in threads:
        thread.join()

    assert (running, of("leave_mark", "dramatiq_messages_inprogress")) == (2, 0)


def test_every_series_of_a_consumed_actor_begins_at_zero() -> None:
    broker = DoorbellBroker()

    @dramatiq.actor(queue_name=probes.QUEUE, broker=broker)
    def actor() -> None: ...

    worker = Worker(broker, queues={actor.queue_name}, worker_threads=3)
    worker.consumers[actor.queue_name] = Mock()

    Instrumentation().after_worker_boot(broker, worker)

    named = {"queue_name": actor.queue_name, "actor_name": actor.actor_name}

    for outcome in Outcome:
        assert exported().get_sample_value("dramatiq_messages_total", named | {"outcome": outcome}) is not None
    for limit in REASONS:
        assert exported().get_sample_value("tutormax_jobs_held_back_total", named | {"limit": limit}) is not None
    assert value("dramatiq_worker_threads") == 3
    assert value("dramatiq_worker_queue_info", queue_name=actor.queue_name) == 1


def test_the_stages_of_the_consumed_queues_begin_at_zero() -> None:
    stages.begin(list(Queue))

    for name, labels in (
        ("tutormax_predictions_total", {"model": "synthetic", "risk_level": "critical"}),
        ("tutormax_sessions_ingested_total", {"source": "generation"}),
        ("tutormax_sessions_rejected_total", {"reason": "row"}),
        ("tutormax_insight_latency_seconds_count", {"stage": "total"}),
        ("tutormax_canary_latency_seconds_count", {"queue_name": "training"}),
    ):
        assert exported().get_sample_value(name, labels) is not None


def test_a_fault_in_counting_is_counted_and_goes_no_further() -> None:
    class Broken:
        @harmless
        def count(self) -> None:
            raise KeyError("a label that is not there")

    faults = value("tutormax_metrics_faults_total")

    Broken().count()
    Broken().count()

    assert value("tutormax_metrics_faults_total") == faults + 2


class WithoutSeries(Instrumentation):
    """Instrumentation that finds no series to count in."""

    def _series(self, queue: str, actor: str) -> Any:
        raise KeyError(queue, actor)


def test_work_is_done_while_every_count_of_it_fails() -> None:
    broker, done = StubBroker(middleware=[WithoutSeries()]), threading.Event()
    worker = Worker(broker, worker_timeout=10, worker_threads=1)

    @dramatiq.actor(broker=broker)
    def work() -> None:
        done.set()

    worker.start()
    work.send()

    assert done.wait(10)
    broker.join("default")
    worker.stop()

"""The catalogue: every name that dashboards and alerts count on, in the process that exports it and no other."""

from pathlib import Path

import pytest

from tutormax import catalogue as declarations
from tutormax import metrics
from tutormax.catalogue import OTHER, Bounded, Kind, Process, catalogue, registry
from tutormax.commands.show_metrics import page
from tutormax.exporter import families

# What the dashboards, the rules and the runbooks were written against: name, type, labels.
CONTRACT = """
dramatiq_messages_total counter queue_name actor_name outcome
dramatiq_message_errors_total counter queue_name actor_name
dramatiq_message_retries_total counter queue_name actor_name
dramatiq_message_rejects_total counter queue_name actor_name
dramatiq_messages_inprogress gauge queue_name actor_name
dramatiq_message_duration_seconds histogram queue_name actor_name
dramatiq_message_wait_seconds histogram queue_name
dramatiq_messages_late_total counter queue_name
dramatiq_messages_enqueued_total counter queue_name actor_name reason
dramatiq_message_exceptions_total counter actor_name exception
dramatiq_worker_threads gauge
dramatiq_worker_queue_info gauge queue_name
dramatiq_worker_last_poll_timestamp_seconds gauge
dramatiq_worker_delayed_messages gauge queue_name
dramatiq_worker_info gauge version python pid
dramatiq_queue_messages gauge queue_name state
dramatiq_queue_oldest_message_age_seconds gauge queue_name state
dramatiq_broker_up gauge
dramatiq_broker_read_duration_seconds gauge
dramatiq_worker_processes gauge service state
tutormax_database_up gauge
tutormax_queue_info gauge queue_name tier
tutormax_queue_target_wait_seconds gauge queue_name
tutormax_queue_target_messages_per_process gauge queue_name
tutormax_queue_dead_message_ttl_seconds gauge queue_name
tutormax_queue_paused gauge queue_name
tutormax_canary_last_success_timestamp_seconds gauge queue_name
tutormax_canary_latency_seconds histogram queue_name
tutormax_dead_letter_actions_total counter action
tutormax_scheduler_leader gauge
tutormax_scheduler_heartbeat_timestamp_seconds gauge
tutormax_scheduler_lag_seconds histogram
tutormax_schedule_emissions_total counter schedule result
tutormax_schedule_paused gauge schedule
tutormax_schedule_next_fire_timestamp_seconds gauge schedule
tutormax_schedule_last_fire_timestamp_seconds gauge schedule
tutormax_schedule_last_start_timestamp_seconds gauge schedule
tutormax_schedule_last_success_timestamp_seconds gauge schedule
tutormax_schedule_deadline_timestamp_seconds gauge schedule
tutormax_schedule_last_duration_seconds gauge schedule
tutormax_schedule_consecutive_failures gauge schedule
tutormax_insight_latency_seconds histogram stage
tutormax_sessions_ingested_total counter source
tutormax_sessions_rejected_total counter reason
tutormax_tutors gauge tier risk_level
tutormax_interventions gauge type status
tutormax_interventions_overdue gauge type
tutormax_model_info gauge model version algorithm
tutormax_model_trained_timestamp_seconds gauge model
tutormax_model_auc_ratio gauge model dataset
tutormax_model_brier_score_ratio gauge model dataset
tutormax_model_feature_psi gauge model feature
tutormax_model_score_psi gauge model
tutormax_predictions_total counter model risk_level
tutormax_tenant_messages_total counter tenant outcome
tutormax_emails_total counter template result
http_requests_total counter method route status
http_request_duration_seconds histogram method route
tutormax_metrics_label_overflow_total counter metric
"""


@pytest.mark.parametrize("line", CONTRACT.strip().splitlines())
def test_a_promised_metric_is_in_the_catalogue_as_it_was_promised(line: str) -> None:
    name, kind, *labels = line.split()

    [metric] = [metric for metric in catalogue() if metric.name == name]

    assert (metric.kind, list(metric.labels)) == (kind, labels)


def test_what_nobody_exports_says_what_it_waits_for_and_the_rest_waits_for_nothing() -> None:
    assert {metric.name for metric in catalogue() if not metric.by} == {
        metric.name for metric in catalogue() if metric.waits_for
    }


@pytest.mark.parametrize("process", Process)
def test_a_process_exports_what_it_counts_itself_as_declared(process: Process) -> None:
    exported = {family.name: family.type for family in registry(process).collect()}

    declared = {
        metric.name.removesuffix("_total"): metric.kind.value
        for metric in catalogue()
        if process in metric.by and metric.name in declarations.counted()
    }
    ours = {name: kind for name, kind in exported.items() if name.startswith(("tutormax_", "dramatiq_"))}
    assert ours == declared


@pytest.mark.parametrize("name", sorted(declarations.counted()))
def test_what_counts_has_the_labels_of_its_declaration(name: str) -> None:
    [metric] = [metric for metric in catalogue() if metric.name == name]

    assert declarations.counted()[name]._labelnames == metric.labels  # noqa: SLF001  # has no reader


def test_every_process_exports_itself() -> None:
    for process in Process:
        assert registry(process).get_sample_value("process_start_time_seconds")


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        declarations.planned("dramatiq_messages_total", Kind.COUNTER, "Again.", waits_for="nothing")


def test_the_page_for_operators_is_made_of_the_catalogue() -> None:
    kept = Path(__file__).parents[1] / "deploy" / "metrics.md"

    assert kept.read_text(encoding="utf-8") == page(), "run python -m tutormax metrics --markdown > deploy/metrics.md"


def test_the_promise_of_an_hour_is_a_bucket() -> None:
    assert 3600 in metrics.INSIGHT_BUCKETS


def test_a_label_has_so_many_values_and_the_rest_is_other() -> None:
    label = Bounded("test_metric", 3, metrics.LABEL_OVERFLOW)

    seen = [label(value) for value in ("a", "b", "a", "c", "d", "e", "b")]

    assert seen == ["a", "b", "a", "c", OTHER, OTHER, "b"]
    folded = {"metric": "test_metric"}
    assert registry(Process.WORKER).get_sample_value("tutormax_metrics_label_overflow_total", folded) == 2


@pytest.mark.parametrize(
    "metric",
    [
        "dramatiq_message_exceptions_total",
        "tutormax_tenant_messages_total",
        "dramatiq_queue_messages",
        "dramatiq_worker_processes",
        "tutormax_schedule_deadline_timestamp_seconds",
    ],
)
def test_what_may_overflow_begins_at_zero(metric: str) -> None:
    assert families
    folded = registry(Process.EXPORTER).get_sample_value("tutormax_metrics_label_overflow_total", {"metric": metric})

    assert folded is not None

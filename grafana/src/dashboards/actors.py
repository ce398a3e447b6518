"""Actors: which makes the load, which is slow, which fails."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import heatmap, query, row, table, timeseries
from grafana.src.variables import ACTOR, QUEUE, WHERE

CHOSEN = '$scope, queue_name=~"$queue", actor_name=~"$actor"'


def _rate(metric: str) -> str:
    return f"sum by (actor_name) (rate({metric}{{{CHOSEN}}}[$__rate_interval]))"


def _increase(metric: str) -> str:
    return f"sum by (actor_name) (increase({metric}{{{CHOSEN}}}[$__range]))"


def _run_time(quantile: float) -> str:
    return (
        f"histogram_quantile({quantile}, sum by (actor_name, le) "
        f"(rate(dramatiq_message_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval]))) >= 0"
    )


DASHBOARD = Dashboard(
    uid="tutormax-actors",
    title="TutorMax / Actors",
    description="Which actor makes the load, which is slow, which fails?",
    variables=(*WHERE, QUEUE, ACTOR),
    rows=(
        row(
            timeseries(
                "Attempts by actor",
                "Which actor makes the load?",
                Unit.OPERATIONS,
                query(f"topk(10, {_rate('dramatiq_messages_total')} > 0)", "{{actor_name}}"),
                stacked=True,
            ),
            timeseries(
                "Threads in use by actor",
                "Which actor uses the threads?",
                Unit.NUMBER,
                query(f"topk(10, {_rate('dramatiq_message_duration_seconds_sum')} > 0)", "{{actor_name}}"),
                stacked=True,
            ),
            timeseries(
                "Attempts by organization",
                "Whose work is it?",
                Unit.OPERATIONS,
                query(
                    "topk(10, sum by (tenant) (rate(tutormax_tenant_messages_total{$scope}[$__rate_interval])))",
                    "{{tenant}}",
                ),
                stacked=True,
                when_empty="nothing ran in this range",
            ),
        ),
        row(
            timeseries(
                "Run time, median and 95th percentile",
                "Did an actor become slow? A point leads to the job that was.",
                Unit.SECONDS,
                query(_run_time(0.5), "{{actor_name}} median"),
                query(_run_time(0.95), "{{actor_name}} 95th percentile"),
                exemplars=True,
                minimum=0,
                when_empty="nothing ran in this range",
            ),
            heatmap(
                "Run time",
                "Is run time of two kinds?",
                Unit.SECONDS,
                query(
                    f"""
                    sum by (le) (increase(dramatiq_message_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval]))
                    """,
                    "{{le}}",
                ),
            ),
        ),
        row(
            timeseries(
                "Share of attempts that raise",
                "Which actor fails?",
                Unit.RATIO,
                query(
                    f"{_rate('dramatiq_message_errors_total')} / {_rate('dramatiq_messages_total')} > 0",
                    "{{actor_name}}",
                ),
                minimum=0,
                maximum=1,
                when_empty="nothing raised in this range",
            ),
            table(
                "Actors over the chosen time",
                "What did each actor do, in numbers?",
                Unit.NUMBER,
                query(f"{_increase('dramatiq_messages_total')} > 0", "attempts"),
                query(f"{_increase('dramatiq_message_errors_total')} > 0", "raised"),
                query(f"{_increase('dramatiq_message_retries_total')} > 0", "to be repeated"),
                query(f"{_increase('dramatiq_message_rejects_total')} > 0", "dead"),
                query(
                    f"""
                    {_increase("dramatiq_message_duration_seconds_sum")}
                    / {_increase("dramatiq_message_duration_seconds_count")} >= 0
                    """,
                    "mean run time",
                    Unit.SECONDS,
                ),
                counts=True,
                when_empty="nothing ran in this range",
            ),
        ),
    ),
)

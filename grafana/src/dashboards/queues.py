"""Queues: whether work waits, how long, and whether that will end."""

from grafana.src.legends import STATE_COLORS
from grafana.src.model import Dashboard, Unit
from grafana.src.panels import heatmap, query, row, timeseries
from grafana.src.variables import QUEUE, WHERE


def _wait(quantile: float) -> str:
    return (
        f"histogram_quantile({quantile}, sum by (le) "
        '(rate(dramatiq_message_wait_seconds_bucket{$scope, queue_name=~"$queue"}[$__rate_interval]))) >= 0'
    )


DASHBOARD = Dashboard(
    uid="tutormax-queues",
    title="TutorMax / Queues",
    description="Does work wait, how long, and will it stop waiting?",
    variables=(*WHERE, QUEUE),
    rows=(
        row(
            timeseries(
                "Jobs by state",
                "Where are the jobs of the chosen queues: ready, running, due later, dead?",
                Unit.NUMBER,
                query(
                    """
                    sum by (state)
                    (max by (queue_name, state) (dramatiq_queue_messages{$scope, queue_name=~"$queue"}))
                    """,
                    "{{state}}",
                ),
                colors=STATE_COLORS,
                stacked=True,
                minimum=0,
            ),
            timeseries(
                "Age of the oldest ready job, and the target",
                "How long does the worst-off job wait, against what we promised?",
                Unit.SECONDS,
                query(
                    """
                    max by (queue_name)
                    (dramatiq_queue_oldest_message_age_seconds{$scope, queue_name=~"$queue", state="ready"})
                    """,
                    "{{queue_name}}",
                ),
                query(
                    'max by (queue_name) (tutormax_queue_target_wait_seconds{$scope, queue_name=~"$queue"})',
                    "{{queue_name}} target",
                ),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "In against out",
                "Do we keep up? Doorbells rung above the line, attempts finished below.",
                Unit.OPERATIONS,
                query(
                    """
                    sum by (queue_name)
                    (rate(dramatiq_messages_enqueued_total{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    """,
                    "{{queue_name}} in",
                ),
                query(
                    """
                    -sum by (queue_name)
                    (rate(dramatiq_messages_total{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    """,
                    "{{queue_name}} out",
                ),
            ),
            timeseries(
                "Time to drain",
                "When will the backlog be gone at this pace?",
                Unit.SECONDS,
                query('queue:dramatiq_drain_time_seconds:estimate{queue_name=~"$queue"}', "{{queue_name}}"),
                minimum=0,
                when_empty="nothing was finished in five minutes: no pace to go by",
            ),
        ),
        row(
            heatmap(
                "Wait before start",
                "How is waiting distributed? Two bands are two kinds of luck.",
                Unit.SECONDS,
                query(
                    """
                    sum by (le)
                    (increase(dramatiq_message_wait_seconds_bucket{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    """,
                    "{{le}}",
                ),
            ),
            timeseries(
                "Wait before start, percentiles",
                "How long does a typical and an unlucky job wait?",
                Unit.SECONDS,
                query(_wait(0.5), "median"),
                query(_wait(0.95), "95th percentile"),
                query(_wait(0.99), "99th percentile"),
                minimum=0,
                when_empty="no job started in this range",
            ),
        ),
        row(
            timeseries(
                "Late starts",
                "What share started later than promised?",
                Unit.RATIO,
                query(
                    """
                    sum by (queue_name)
                    (rate(dramatiq_messages_late_total{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    / sum by (queue_name)
                    (rate(dramatiq_message_wait_seconds_count{$scope, queue_name=~"$queue"}[$__rate_interval])) > 0
                    """,
                    "{{queue_name}}",
                ),
                minimum=0,
                maximum=1,
                when_empty="none started late in this range",
            ),
            timeseries(
                "Processes wanted, and running",
                "What would the autoscaler do?",
                Unit.NUMBER,
                query('queue:dramatiq_workers_wanted:ceil{queue_name=~"$queue"}', "{{queue_name}} wanted"),
                query(
                    'sum by (queue_name) (dramatiq_worker_queue_info{$scope, queue_name=~"$queue"})',
                    "{{queue_name}} running",
                ),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Doorbells in the broker",
                "Do jobs wait that nobody is told of, or is a queue told of more than it can do?",
                Unit.NUMBER,
                query('max by (queue_name) (tutormax_queue_doorbells{$scope, queue_name=~"$queue"})', "{{queue_name}}"),
                minimum=0,
            ),
            timeseries(
                "Doorbells rung, by reason",
                "New work, retries, or the relay making good what was lost?",
                Unit.OPERATIONS,
                query(
                    """
                    sum by (reason)
                    (rate(dramatiq_messages_enqueued_total{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    """,
                    "{{reason}}",
                ),
                stacked=True,
            ),
        ),
    ),
)

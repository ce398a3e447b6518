"""The overview: whether TutorMax is well, and if not, where to look."""

from grafana.src.legends import OUTCOME_COLORS
from grafana.src.model import Dashboard, Unit
from grafana.src.panels import STAT_HEIGHT, bargauge, falling, query, rising, row, stat, timeseries
from grafana.src.variables import QUEUE, WHERE

DASHBOARD = Dashboard(
    uid="tutormax-overview",
    title="TutorMax / Overview",
    description="Is TutorMax well, and if not, where do I look?",
    variables=(*WHERE, QUEUE),
    rows=(
        row(
            stat(
                "Firing alerts",
                "Is anything wrong right now?",
                Unit.NUMBER,
                query('sum(ALERTS{alertstate="firing", severity=~"critical|warning"}) or vector(0)', "firing"),
                steps=rising(bad=1),
            ),
            stat(
                "Schedules overdue",
                "Did every periodic job succeed in time? One that is paused owes nothing.",
                Unit.NUMBER,
                query(
                    """
                    sum(
                      max by (schedule) (time() > bool tutormax_schedule_deadline_timestamp_seconds{$scope})
                        * on (schedule)
                      (1 - max by (schedule) (tutormax_schedule_paused{$scope}))
                    )
                    """,
                    "overdue",
                ),
                steps=rising(bad=1),
            ),
            stat(
                "Error budget left, 28 days",
                "Are we inside our objectives?",
                Unit.RATIO,
                query(
                    """
                    min by (slo)
                    (1 - sum_over_time(slo:bad_events:rate5m[28d]) / (sum_over_time(slo:events:rate5m[28d]) > 0)
                    / on (slo) group_left () (1 - slo:objective:ratio))
                    """,
                    "{{slo}}",
                ),
                steps=falling(warning=0, good=0.25),
                maximum=1,
                when_empty="no work judged yet",
            ),
            height=STAT_HEIGHT,
            widths=(4, 4, 16),
        ),
        row(
            bargauge(
                "Oldest ready job",
                "Which queue makes people wait?",
                Unit.SECONDS,
                query(
                    """
                    max by (queue_name)
                    (dramatiq_queue_oldest_message_age_seconds{$scope, queue_name=~"$queue", state="ready"})
                    """,
                    "{{queue_name}}",
                ),
                steps=rising(warning=60, bad=900),
                minimum=0,
            ),
            timeseries(
                "Attempts finished per second, by outcome",
                "Is work being done, and does it succeed?",
                Unit.OPERATIONS,
                query(
                    """
                    sum by (outcome)
                    (rate(dramatiq_messages_total{$scope, queue_name=~"$queue"}[$__rate_interval]))
                    """,
                    "{{outcome}}",
                ),
                colors=OUTCOME_COLORS,
                stacked=True,
            ),
        ),
        row(
            timeseries(
                "Backlog by queue",
                "Is a queue growing?",
                Unit.NUMBER,
                query(
                    'max by (queue_name) (dramatiq_queue_messages{$scope, queue_name=~"$queue", state="ready"})',
                    "{{queue_name}}",
                ),
                minimum=0,
            ),
            timeseries(
                "Dead letters",
                "Is failed work piling up unread?",
                Unit.NUMBER,
                query(
                    'max by (queue_name) (dramatiq_queue_messages{$scope, queue_name=~"$queue", state="dead"})',
                    "{{queue_name}}",
                ),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Threads busy",
                "Do we have enough threads?",
                Unit.RATIO,
                query(
                    """
                    sum by (service) (dramatiq_messages_inprogress{$scope})
                    / sum by (service) (dramatiq_worker_threads{$scope})
                    """,
                    "{{service}}",
                ),
                minimum=0,
                maximum=1,
            ),
            timeseries(
                "Insight latency, 95th percentile",
                "Do insights arrive within an hour of a session's end?",
                Unit.SECONDS,
                query(
                    """
                    histogram_quantile(0.95, sum by (le)
                    (rate(tutormax_insight_latency_seconds_bucket{$scope, stage="total"}[$__rate_interval]))) >= 0
                    """,
                    "95th percentile",
                ),
                steps=rising(bad=3600),
                minimum=0,
                when_empty="no session was judged in this range",
            ),
        ),
    ),
)

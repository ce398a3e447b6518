"""What we promise, each promise once: the rules, the alerts and the dashboards are made of these values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of events that must be good: how many are bad, and how many there are, a second over WINDOW."""

    name: str
    ratio: float
    promise: str
    bad: str
    events: str


OBJECTIVES = (
    Objective(
        name="task-success",
        ratio=0.995,
        promise="Of the jobs that end, 99.5 % end well; retries on the way do not count.",
        bad='sum by (queue_name) (rate(dramatiq_messages_total{job="tutormax-worker", outcome="dead"}[WINDOW]))',
        events=(
            "sum by (queue_name) "
            '(rate(dramatiq_messages_total{job="tutormax-worker", outcome=~"success|dead"}[WINDOW]))'
        ),
    ),
    Objective(
        name="start-latency",
        ratio=0.99,
        promise="Of the jobs that start, 99 % start within the target wait of their queue.",
        bad='sum by (queue_name) (rate(dramatiq_messages_late_total{job="tutormax-worker"}[WINDOW]))',
        events='sum by (queue_name) (rate(dramatiq_message_wait_seconds_count{job="tutormax-worker"}[WINDOW]))',
    ),
    Objective(
        name="insight-freshness",
        ratio=0.99,
        promise="Of the sessions that are judged, 99 % are judged within 60 minutes of their end.",
        bad=(
            'sum(rate(tutormax_insight_latency_seconds_count{job="tutormax-worker", stage="total"}[WINDOW])) - sum('
            'rate(tutormax_insight_latency_seconds_bucket{job="tutormax-worker", stage="total", le="3600.0"}[WINDOW]))'
        ),
        events='sum(rate(tutormax_insight_latency_seconds_count{job="tutormax-worker", stage="total"}[WINDOW]))',
    ),
)

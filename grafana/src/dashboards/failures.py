"""Failures: what fails, why, and what waits for a decision."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import bargauge, query, rising, row, timeseries
from grafana.src.variables import ACTOR, QUEUE, WHERE

# An exception's series begins at one when it is first raised, which is no increase to Prometheus.
RAISED = 'dramatiq_message_exceptions_total{$scope, actor_name=~"$actor"}'
CHOSEN = '$scope, queue_name=~"$queue", actor_name=~"$actor"'

DASHBOARD = Dashboard(
    uid="tutormax-failures",
    title="TutorMax / Failures and dead letters",
    description="What fails, why, and who looks after it?",
    variables=(*WHERE, QUEUE, ACTOR),
    rows=(
        row(
            timeseries(
                "New dead letters",
                "What died, and when?",
                Unit.NUMBER,
                query(
                    f"sum by (actor_name) (increase(dramatiq_message_rejects_total{{{CHOSEN}}}[$__rate_interval])) > 0",
                    "{{actor_name}}",
                ),
                counts=True,
                minimum=0,
                when_empty="none died in this range",
            ),
            timeseries(
                "Dead letters held",
                "How much waits for a decision?",
                Unit.NUMBER,
                query(
                    'max by (queue_name) (dramatiq_queue_messages{$scope, queue_name=~"$queue", state="dead"})',
                    "{{queue_name}}",
                ),
                minimum=0,
            ),
        ),
        row(
            bargauge(
                "Oldest dead letter",
                "Since when has nobody decided? They are kept for ever.",
                Unit.SECONDS,
                query(
                    """
                    max by (queue_name)
                    (dramatiq_queue_oldest_message_age_seconds{$scope, queue_name=~"$queue", state="dead"})
                    """,
                    "{{queue_name}}",
                ),
                steps=rising(warning=86400, bad=3 * 86400),
                minimum=0,
            ),
            timeseries(
                "Exceptions by class",
                "What is the error?",
                Unit.NUMBER,
                query(
                    f"""
                    sum by (exception) (({RAISED} unless {RAISED} offset $__rate_interval)
                    or increase({RAISED}[$__rate_interval])) > 0
                    """,
                    "{{exception}}",
                ),
                counts=True,
                minimum=0,
                when_empty="nothing raised in this range",
            ),
        ),
        row(
            timeseries(
                "Retries for each success",
                "How much work is repeated?",
                Unit.RATIO,
                query(
                    f"""
                    sum by (actor_name) (rate(dramatiq_message_retries_total{{{CHOSEN}}}[$__rate_interval]))
                    / sum by (actor_name)
                    (rate(dramatiq_messages_total{{{CHOSEN}, outcome="success"}}[$__rate_interval])) > 0
                    """,
                    "{{actor_name}}",
                ),
                minimum=0,
                when_empty="nothing was repeated in this range",
            ),
            timeseries(
                "Operators' decisions",
                "Who looks after the dead letters?",
                Unit.NUMBER,
                query(
                    "max by (action) (increase(tutormax_dead_letter_actions_total{$scope}[$__rate_interval])) > 0",
                    "{{action}}",
                ),
                counts=True,
                minimum=0,
                when_empty="nobody decided in this range",
            ),
            timeseries(
                "Messages put aside",
                "Does somebody else write into our queues?",
                Unit.NUMBER,
                query(
                    """
                    sum by (queue_name)
                    (increase(tutormax_messages_malformed_total{$scope, queue_name=~"$queue"}[$__rate_interval])) > 0
                    """,
                    "{{queue_name}}",
                ),
                counts=True,
                minimum=0,
                when_empty="none in this range",
            ),
        ),
        row(
            timeseries(
                "Left alone",
                "What outside failed so often that nobody calls it for a while?",
                Unit.NUMBER,
                query("max by (breaker) (tutormax_breaker_open{$scope})", "{{breaker}}"),
                minimum=0,
            ),
            timeseries(
                "Calls of what is outside",
                "Does it answer?",
                Unit.NUMBER,
                query(
                    "sum by (breaker, outcome) (increase(tutormax_breaker_calls_total{$scope}[$__rate_interval])) > 0",
                    "{{breaker}} {{outcome}}",
                ),
                counts=True,
                minimum=0,
                when_empty="nothing outside was called in this range",
            ),
            timeseries(
                "Starts put off",
                "Which limit keeps due jobs waiting?",
                Unit.NUMBER,
                query(
                    f"""
                    sum by (actor_name, limit)
                    (increase(tutormax_jobs_held_back_total{{{CHOSEN}}}[$__rate_interval])) > 0
                    """,
                    "{{actor_name}} {{limit}}",
                ),
                counts=True,
                minimum=0,
                when_empty="no limit was met in this range",
            ),
        ),
    ),
)

"""Schedules: whether what should happen by itself happens in time."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import query, rising, row, state_timeline, table, timeseries
from grafana.src.variables import SCHEDULE, WHERE

DEADLINE = 'tutormax_schedule_deadline_timestamp_seconds{$scope, schedule=~"$schedule"}'
# One that is paused owes nothing.
PAUSED = "max by (schedule) (tutormax_schedule_paused{$scope}) == 1"


def _last(what: str) -> str:
    # Grafana wants milliseconds, and what never happened is not to be dated 1970.
    metric = f"tutormax_schedule_{what}_timestamp_seconds"
    return f'1000 * (max by (schedule) ({metric}{{$scope, schedule=~"$schedule"}}) > 0)'


DASHBOARD = Dashboard(
    uid="tutormax-schedules",
    title="TutorMax / Schedules",
    description="Did what should happen by itself happen in time?",
    variables=(*WHERE, SCHEDULE),
    since="now-24h",
    rows=(
        row(
            table(
                "Schedules",
                "When was each sent, started and done, and when is it next?",
                Unit.AGO,
                query(_last("last_fire"), "last sent"),
                query(_last("last_start"), "last started"),
                query(_last("last_success"), "last success"),
                query(_last("next_fire"), "next"),
                query(
                    'max by (schedule) (tutormax_schedule_consecutive_failures{$scope, schedule=~"$schedule"})',
                    "failures since",
                    Unit.NUMBER,
                ),
                when_empty="no scheduler has served a timetable yet",
            ),
            table(
                "Overdue now",
                "Which schedule missed its deadline, and by how much?",
                Unit.DURATION,
                query(f"time() - max by (schedule) ({DEADLINE}) > 0 unless on (schedule) ({PAUSED})", "overdue"),
                when_empty="none is overdue",
            ),
            widths=(16, 8),
        ),
        row(
            state_timeline(
                "Punctual",
                "Which periods were missed?",
                query(f"max by (schedule) (time() <= bool {DEADLINE}) unless on (schedule) ({PAUSED})", "{{schedule}}"),
                good="in time",
                bad="overdue",
            ),
            timeseries(
                "Run time of the last run",
                "Does a job grow towards its interval?",
                Unit.SECONDS,
                query(
                    'max by (schedule) (tutormax_schedule_last_duration_seconds{$scope, schedule=~"$schedule"})',
                    "{{schedule}}",
                ),
                minimum=0,
            ),
        ),
        row(
            timeseries(
                "Emissions by result",
                "Does the scheduler fail to send?",
                Unit.OPERATIONS,
                query(
                    """
                    sum by (result)
                    (rate(tutormax_schedule_emissions_total{$scope, schedule=~"$schedule"}[$__rate_interval]))
                    """,
                    "{{result}}",
                ),
            ),
            timeseries(
                "Emission lag, 99th percentile",
                "Is the scheduler itself late?",
                Unit.SECONDS,
                query(
                    """
                    histogram_quantile(0.99, sum by (le)
                    (rate(tutormax_scheduler_lag_seconds_bucket{$scope}[$__rate_interval])))
                    """,
                    "99th percentile",
                ),
                minimum=0,
                when_empty="nothing was due in this range",
            ),
        ),
        row(
            timeseries(
                "Heartbeat by scheduler",
                "Does every scheduler go round, and get through? Several may run at once, each slot is sent once.",
                Unit.SECONDS,
                query(
                    "time() - max by (instance) (tutormax_scheduler_heartbeat_timestamp_seconds{$scope})",
                    "{{instance}}",
                ),
                query(
                    "time() - max by (instance, task) (tutormax_scheduler_last_success_timestamp_seconds{$scope})",
                    "{{instance}} {{task}}",
                ),
                steps=rising(bad=60),
            ),
            timeseries(
                "Canary age by queue",
                "Does a job really travel all the way?",
                Unit.SECONDS,
                query(
                    "time() - (max by (queue_name) (tutormax_canary_last_success_timestamp_seconds{$scope}) > 0)",
                    "{{queue_name}}",
                ),
                steps=rising(bad=180),
                minimum=0,
                when_empty="no canary has flown yet",
            ),
            timeseries(
                "Canary latency, 95th percentile",
                "How long does the shortest possible job take all the way?",
                Unit.SECONDS,
                query(
                    """
                    histogram_quantile(0.95, sum by (queue_name, le)
                    (rate(tutormax_canary_latency_seconds_bucket{$scope}[$__rate_interval]))) >= 0
                    """,
                    "{{queue_name}}",
                ),
                minimum=0,
                when_empty="no canary flew in this range",
            ),
        ),
    ),
)

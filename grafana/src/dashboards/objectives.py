"""Objectives: whether we keep what we promised, and how much failure we can still afford."""

from grafana.src.model import Dashboard, Unit
from grafana.src.panels import STAT_HEIGHT, falling, query, rising, row, stat, timeseries
from grafana.src.variables import OBJECTIVE, WHERE

BUDGET = "on (slo) group_left () (1 - slo:objective:ratio)"
UNJUDGED = "no work judged yet"

DASHBOARD = Dashboard(
    uid="tutormax-slo",
    title="TutorMax / Objectives",
    description="Do we keep what we promised, and how much failure can we still afford?",
    variables=(*WHERE, OBJECTIVE),
    since="now-7d",
    rows=(
        row(
            stat(
                "Objective",
                "What did we promise?",
                Unit.RATIO,
                query('slo:objective:ratio{slo=~"$slo"}', "{{slo}}"),
                minimum=0,
                maximum=1,
            ),
            stat(
                "Budget left, 28 days",
                "How much failure can we still afford?",
                Unit.RATIO,
                query(
                    f"""
                    1 - sum_over_time(slo:bad_events:rate5m{{slo=~"$slo"}}[28d])
                    / (sum_over_time(slo:events:rate5m{{slo=~"$slo"}}[28d]) > 0) / {BUDGET}
                    """,
                    "{{slo}} {{queue_name}}",
                ),
                steps=falling(warning=0, good=0.25),
                maximum=1,
                when_empty=UNJUDGED,
            ),
            height=2 * STAT_HEIGHT,
            widths=(8, 16),
        ),
        row(
            timeseries(
                "Bad share, one hour and three days",
                "How bad is it, now and lately?",
                Unit.RATIO,
                query('slo:sli_error:ratio_rate1h{slo=~"$slo"} > 0', "{{slo}} {{queue_name}} 1 h"),
                query('slo:sli_error:ratio_rate3d{slo=~"$slo"} > 0', "{{slo}} {{queue_name}} 3 d"),
                minimum=0,
                maximum=1,
                when_empty="nothing was bad",
            ),
            timeseries(
                "Burn rate",
                "How many times too fast do we use the budget? 1 is exactly as fast as allowed, 14.4 wakes somebody.",
                Unit.NUMBER,
                query(f'slo:sli_error:ratio_rate1h{{slo=~"$slo"}} / {BUDGET} > 0', "{{slo}} {{queue_name}}"),
                steps=rising(warning=1, bad=14.4),
                minimum=0,
                when_empty="nothing was bad",
            ),
        ),
        row(
            timeseries(
                "Events in an hour",
                "Is there enough traffic to judge? Below 20 nobody is woken.",
                Unit.NUMBER,
                query('slo:events:increase1h{slo=~"$slo"}', "{{slo}} {{queue_name}}"),
                minimum=0,
                when_empty=UNJUDGED,
            ),
        ),
    ),
)

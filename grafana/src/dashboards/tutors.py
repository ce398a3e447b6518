"""Sessions and tutors: whether sessions come in, insights go out in time, and how the tutors are."""

from grafana.src.legends import RISK_COLORS, TIER_COLORS
from grafana.src.model import Dashboard, Unit
from grafana.src.panels import STAT_HEIGHT, falling, query, row, stat, timeseries
from grafana.src.variables import WHERE

TUTORS = "max by (tier, risk_level) (tutormax_tutors{$scope})"
UNJUDGED = "no session was judged in this range"

DASHBOARD = Dashboard(
    uid="tutormax-tutors",
    title="TutorMax / Sessions and tutors",
    description="Do sessions come in, do insights go out in time, and how are the tutors?",
    variables=WHERE,
    since="now-24h",
    rows=(
        row(
            stat(
                "Sessions taken in, one day",
                "Are we at about 3,000 a day?",
                Unit.NUMBER,
                query("sum(increase(tutormax_sessions_ingested_total{$scope}[1d]))", "sessions"),
                counts=True,
                minimum=0,
            ),
            stat(
                "Insights within 60 minutes",
                "Do we keep the promise?",
                Unit.RATIO,
                query(
                    """
                    sum(increase(tutormax_insight_latency_seconds_bucket{$scope, stage="total", le="3600.0"}[$__range]))
                    / (sum(increase(tutormax_insight_latency_seconds_count{$scope, stage="total"}[$__range])) > 0)
                    """,
                    "in time",
                ),
                steps=falling(warning=0.98, good=0.99),
                minimum=0,
                maximum=1,
                when_empty=UNJUDGED,
            ),
            stat(
                "Tutors judged",
                "For how many do we have an opinion?",
                Unit.NUMBER,
                query(f"sum({TUTORS})", "tutors"),
                minimum=0,
            ),
            height=STAT_HEIGHT,
        ),
        row(
            timeseries(
                "Sessions in an hour by source",
                "Did a source stop?",
                Unit.NUMBER,
                query("sum by (source) (increase(tutormax_sessions_ingested_total{$scope}[1h]))", "{{source}}"),
                minimum=0,
            ),
            timeseries(
                "Sessions refused, of those offered",
                "Is the input bad, and which column is at fault?",
                Unit.RATIO,
                query(
                    """
                    sum by (reason) (increase(tutormax_sessions_rejected_total{$scope}[1h]))
                    / ignoring (reason) group_left ()
                    (sum(increase(tutormax_sessions_rejected_total{$scope}[1h]))
                    + sum(increase(tutormax_sessions_ingested_total{$scope}[1h]))) > 0
                    """,
                    "{{reason}}",
                ),
                minimum=0,
                maximum=1,
                when_empty="none was refused",
            ),
            timeseries(
                "Insight latency by stage, 95th percentile",
                "Which stage is slow?",
                Unit.SECONDS,
                query(
                    """
                    histogram_quantile(0.95, sum by (stage, le)
                    (rate(tutormax_insight_latency_seconds_bucket{$scope}[$__rate_interval]))) >= 0
                    """,
                    "{{stage}}",
                ),
                minimum=0,
                when_empty=UNJUDGED,
            ),
        ),
        row(
            timeseries(
                "Tutors by tier",
                "How are the tutors spread?",
                Unit.NUMBER,
                query(f"sum by (tier) ({TUTORS})", "{{tier}}"),
                colors=TIER_COLORS,
                stacked=True,
                minimum=0,
            ),
            timeseries(
                "Tutors by churn risk",
                "Does risk move?",
                Unit.NUMBER,
                query(f"sum by (risk_level) ({TUTORS})", "{{risk_level}}"),
                colors=RISK_COLORS,
                stacked=True,
                minimum=0,
            ),
        ),
    ),
)

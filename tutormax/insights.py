"""Insights: how long it took from a session's end until its tutor's metrics counted it, promised within the hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from tutormax import metrics, queries
from tutormax.stages import InsightStage
from tutormax.windows import Window

# An outage of evaluation costs what waited so long and no more: that is far beyond what any month allows. It is also
# how long each quarter hour's row is kept, so that no session of before a longer outage is counted again.
LOOKED_BACK = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Counted:
    """A session that a judgement counts for the first time."""

    ended_at: datetime
    known_at: datetime


def first_counted(connection: Connection, window: Window) -> list[Counted]:
    """Return the sessions that no quarter hour before this one could count; ask before its judgement is written."""
    rows = connection.execute(
        queries.load("first_counted_sessions"),
        {"window_start": window.start, "window_end": window.end, "oldest": window.end - LOOKED_BACK},
    )
    return [Counted(row.ended_at, row.known_at) for row in rows]


def observe(counted: Sequence[Counted], *, judged_at: datetime, published_at: datetime) -> None:
    """Measure each session's way, stage by stage."""
    for session in counted:
        _observe(InsightStage.INGEST, session.known_at - session.ended_at)
        _observe(InsightStage.EVALUATE, judged_at - session.known_at)
        _observe(InsightStage.PUBLISH, published_at - judged_at)
        _observe(InsightStage.TOTAL, published_at - session.ended_at)


def _observe(stage: InsightStage, took: timedelta) -> None:
    # Clocks of several machines may disagree by a little.
    metrics.INSIGHT_LATENCY.labels(stage).observe(max(0.0, took.total_seconds()))

"""Retention: facts that are too old go with their months, and what was only of use for a while goes earlier."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from tutormax import log, partitions, queries, rollup, window_sums
from tutormax.db import Begin
from tutormax.partitions import Patience, TablesInUseError
from tutormax.tables import tutor_days

_log = log.get(__name__)

QUARTER_HOURS_KEPT = timedelta(days=2)
SERVED_FEATURES_KEPT = timedelta(days=14)
ENDED_JOBS_KEPT = timedelta(days=30)
SLOTS_KEPT = timedelta(days=30)
# Enough that a month without any cleanup leaves no row without a partition.
PARTITIONS_AHEAD = timedelta(days=92)
FACTS = tuple(table for table in partitions.PARTITIONED if table != tutor_days.name)
# What is in use tonight is there tomorrow night, and the months to come have been made long before.
PATIENCE = Patience(attempts=3, pause_seconds=3.0)
STATEMENTS = (
    "thin_performance_metrics",
    "thin_evaluations",
    "forget_touched_days",
    "drop_features",
    "drop_old_predictions",
    "drop_ended_jobs",
    "drop_old_slots",
)


@dataclass(frozen=True, slots=True)
class CleanupSummary:
    """What one cleanup removed, the partitions that it made ahead, and whether some were in use and must wait."""

    partitions_dropped: tuple[str, ...]
    partitions_made: int
    tables_in_use: bool
    performance_metrics: int
    feature_snapshots: int
    churn_predictions: int
    jobs: int
    schedule_slots: int


def cleanup(
    begin: Begin, *, now: datetime, retention_days: int, timezone: str = "UTC", patience: Patience = PATIENCE
) -> CleanupSummary:
    """Remove what is older than it is kept, and make the partitions of the months to come.

    Sessions, feedback and events go when the whole month is older than retention_days, features and scores when they
    are themselves. Timezone is the one in which the nightly run, whose feature vectors are kept, has its midnight.
    Partitions whose tables are in use for longer than it is patient are left for the next cleanup.
    """
    oldest = now - timedelta(days=retention_days)
    ages = {
        "oldest": oldest,
        "quarter_hours_from": now - QUARTER_HOURS_KEPT,
        "served_from": now - SERVED_FEATURES_KEPT,
        "ended_from": now - ENDED_JOBS_KEPT,
        "slots_from": now - SLOTS_KEPT,
        "timezone": timezone,
        "first_kept": oldest.astimezone(UTC).date().replace(day=1),
    }
    with begin() as connection:
        rollup.lock(connection)
        removed = {name: connection.execute(queries.load(f"retention/{name}"), ages).rowcount for name in STATEMENTS}
    made, dropped, in_use = 0, list[str](), False
    try:
        made = partitions.make(begin, now, now + PARTITIONS_AHEAD, patience)
        for name in _drop_before(begin, oldest, patience):
            dropped.append(name)
    except TablesInUseError as error:
        in_use = True
        _log.warning("partitions left for the next cleanup", reason=str(error), dropped=len(dropped))
    return CleanupSummary(
        partitions_dropped=tuple(dropped),
        partitions_made=made,
        tables_in_use=in_use,
        performance_metrics=removed["thin_performance_metrics"],
        feature_snapshots=removed["drop_features"],
        churn_predictions=removed["drop_old_predictions"],
        jobs=removed["drop_ended_jobs"],
        schedule_slots=removed["drop_old_slots"],
    )


def _drop_before(begin: Begin, oldest: datetime, patience: Patience) -> Iterator[str]:
    """Drop what holds nothing newer, each partition in a transaction of its own; yield their names."""
    with begin() as connection:
        old = partitions.older_than(connection, oldest)
    for name, month in old:
        partitions.patiently(partial(_drop, begin, name, month), patience)
        yield name


def _drop(begin: Begin, name: str, month: datetime) -> None:
    with begin() as connection:
        # Whose days are being summed up needs their months. Nobody else queues for this, so it may take its time.
        rollup.lock(connection)
        partitions.limit_waiting(connection)
        partitions.drop(connection, name)
        if name == partitions.name_of(tutor_days.name, month):
            # The last of its month: whoever still wrote facts of it has committed their marks, or cannot.
            partitions.require_none(connection, FACTS, month)
            connection.execute(
                queries.load("retention/forget_touched_days"), {"first_kept": partitions.after(month).date()}
            )
            window_sums.forget_holding(connection, before=partitions.after(month).date())

"""Retention: facts that are too old go with their months, and what was only of use for a while goes earlier."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from tutormax import partitions, queries, rollup

QUARTER_HOURS_KEPT = timedelta(days=2)
SERVED_FEATURES_KEPT = timedelta(days=14)
ENDED_JOBS_KEPT = timedelta(days=30)
SLOTS_KEPT = timedelta(days=30)
# Enough that a month without any cleanup leaves no row without a partition.
PARTITIONS_AHEAD = timedelta(days=92)
STATEMENTS = (
    "thin_performance_metrics",
    "thin_evaluations",
    "forget_touched_days",
    "drop_served_features",
    "drop_ended_jobs",
    "drop_old_slots",
)


@dataclass(frozen=True, slots=True)
class CleanupSummary:
    """What one cleanup removed, and the partitions that it made ahead."""

    partitions_dropped: tuple[str, ...]
    partitions_made: int
    performance_metrics: int
    feature_snapshots: int
    jobs: int
    schedule_slots: int


def cleanup(connection: Connection, *, now: datetime, retention_days: int, timezone: str = "UTC") -> CleanupSummary:
    """Remove what is older than it is kept, and make the partitions of the months to come.

    Sessions, feedback and events go when the whole month is older than retention_days. Timezone is the one in which
    the nightly run, whose feature vectors are kept, has its midnight.
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
    # Whose days are being summed up needs their months.
    rollup.lock(connection)
    removed = {name: connection.execute(queries.load(f"retention/{name}"), ages).rowcount for name in STATEMENTS}
    # Last, because they lock out every reader until the transaction ends.
    made = partitions.ensure(connection, now, now + PARTITIONS_AHEAD)
    dropped = partitions.drop_before(connection, oldest)
    return CleanupSummary(
        partitions_dropped=tuple(dropped),
        partitions_made=made,
        performance_metrics=removed["thin_performance_metrics"],
        feature_snapshots=removed["drop_served_features"],
        jobs=removed["drop_ended_jobs"],
        schedule_slots=removed["drop_old_slots"],
    )

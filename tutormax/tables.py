"""The tables, in the order the data flows.

Alembic creates them (`migrations/`), with the constraints and indexes that only PostgreSQL speaks; a test holds the
columns here equal to the migrated schema.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL, UUID

metadata = MetaData()

INSTANT = DateTime(timezone=True)


def _key(name: str, kind: Any = Integer) -> Column[Any]:
    return Column(name, kind, primary_key=True)


def _identity(name: str) -> Column[Any]:
    # Said aloud, because with a partition key beside it SQLAlchemy does not assume it.
    return Column(name, BigInteger, primary_key=True, autoincrement=True)


def _is(name: str, kind: Any = Text) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: Any = Text) -> Column[Any]:
    return Column(name, kind, nullable=True)


organizations = Table(
    "organizations",
    metadata,
    _key("organization_id"),
    _is("name"),
    _is("synthetic", Boolean),
    _is("created_at", INSTANT),
)

tutors = Table(
    "tutors",
    metadata,
    _key("tutor_id"),
    _is("organization_id", Integer),
    _is("external_id"),
    _may("name"),
    _may("subjects", ARRAY(Text)),
    _may("baseline_sessions_per_week", Double),
    _is("joined_at", INSTANT),
    _is("ingested_at", INSTANT),
)

students = Table(
    "students",
    metadata,
    _key("student_id"),
    _is("organization_id", Integer),
    _is("external_id"),
    _is("ingested_at", INSTANT),
)

sessions = Table(
    "sessions",
    metadata,
    _identity("session_id"),
    _is("organization_id", Integer),
    _is("external_id"),
    _is("tutor_id", Integer),
    _is("student_id", Integer),
    _is("session_number", Integer),
    _may("subject"),
    _key("scheduled_start", INSTANT),
    _is("duration_minutes", SmallInteger),
    _is("booked_at", INSTANT),
    _may("cancelled_at", INSTANT),
    _is("status"),
    _may("actual_start", INSTANT),
    _may("ended_at", INSTANT),
    _may("outcome_known_at", INSTANT),
    _may("late_start_minutes", REAL),
    _may("engagement_score", REAL),
    _may("objectives_met", Boolean),
    _may("technical_issues", Boolean),
    _is("tutor_replaced", Boolean),
    _is("ingested_at", INSTANT),
)

student_feedback = Table(
    "student_feedback",
    metadata,
    _identity("feedback_id"),
    _key("organization_id"),
    _key("external_id", Text),
    _is("session_id", BigInteger),
    _is("session_start", INSTANT),
    _is("tutor_id", Integer),
    _is("student_id", Integer),
    _is("rating", SmallInteger),
    _is("is_first_session", Boolean),
    _key("submitted_at", INSTANT),
    _is("ingested_at", INSTANT),
)

tutor_events = Table(
    "tutor_events",
    metadata,
    _identity("event_id"),
    _key("organization_id"),
    _key("external_id", Text),
    _is("tutor_id", Integer),
    _is("event_type"),
    _key("event_time", INSTANT),
    _may("value", Double),
    _may("by_tutor", Boolean),
    _is("ingested_at", INSTANT),
)

# What the facts of a day add up to, and those of the whole days of a window.
_SUMS = (
    ("scheduled", Integer),
    ("no_shows", Integer),
    ("completed", Integer),
    ("timed", Integer),
    ("on_time", Integer),
    ("objectives", Integer),
    ("objectives_met", Integer),
    ("engaged", Integer),
    ("engagement", BigInteger),
    ("ratings", Integer),
    ("rating", Integer),
    ("firsts", Integer),
    ("good_firsts", Integer),
    ("reschedules", Integer),
    ("responses", Integer),
    ("response_minutes", Numeric),
)

tutor_days = Table(
    "tutor_days",
    metadata,
    _key("tutor_id"),
    _key("day", Date),
    *(_is(name, kind) for name, kind in _SUMS),
    _is("logged_in", Boolean),
)

tutor_windows = Table(
    "tutor_windows",
    metadata,
    _key("tutor_id"),
    _key("ends_on", Date),
    _key("window_days", SmallInteger),
    *(_is(name, kind) for name, kind in _SUMS),
    _is("login_days", Integer),
)

touched_days = Table(
    "touched_days",
    metadata,
    _is("tutor_id", Integer),
    _is("day", Date),
    _may("earliest", INSTANT),
    _may("latest", INSTANT),
)

touched_tutors = Table(
    "touched_tutors",
    metadata,
    _key("tutor_id"),
    _is("earliest", INSTANT),
    _is("latest", INSTANT),
    _may("counted_at", INSTANT),
)

evaluations = Table(
    "evaluations",
    metadata,
    _key("window_end", INSTANT),
    _is("evaluated_at", INSTANT),
)

tutor_performance_metrics = Table(
    "tutor_performance_metrics",
    metadata,
    _key("tutor_id"),
    _key("window_days", SmallInteger),
    _key("window_end", INSTANT),
    _is("active", Boolean),
    _is("sessions_scheduled", Integer),
    _is("sessions_completed", Integer),
    _may("average_rating", Double),
    _may("first_session_success_rate", Double),
    _may("reschedule_rate", Double),
    _is("no_show_count", Integer),
    _may("no_show_rate", Double),
    _may("engagement_score", Double),
    _may("learning_objectives_met_pct", Double),
    _may("response_time_average_minutes", Double),
    _is("green_flags", SmallInteger),
    _is("red_flags", SmallInteger),
    _may("tier"),
    _is("evaluated_at", INSTANT),
)

feature_snapshots = Table(
    "feature_snapshots",
    metadata,
    _key("tutor_id"),
    _key("as_of", INSTANT),
    _key("feature_version", Text),
    _is("features", ARRAY(REAL)),
    _is("purpose"),
    _is("created_at", INSTANT),
)

models = Table(
    "models",
    metadata,
    _key("model_id", Text),
    _is("population"),
    _is("status"),
    _is("feature_version"),
    _is("manifest_sha256"),
    _is("as_of", INSTANT),
    _is("trained_at", INSTANT),
    _is("metrics", JSONB),
    _may("reason"),
)

churn_predictions = Table(
    "churn_predictions",
    metadata,
    _key("tutor_id"),
    _key("as_of", INSTANT),
    _key("model_id", Text),
    _may("p1", Double),
    _may("p7", Double),
    _is("p30", Double),
    _may("p90", Double),
    _is("churn_score", SmallInteger),
    _is("risk_level"),
    _is("churn_predicted", Boolean),
    _is("reasons", JSONB),
    _is("trigger"),
    _is("scored_at", INSTANT),
    _may("outcome_1", Boolean),
    _may("outcome_7", Boolean),
    _may("outcome_30", Boolean),
    _may("outcome_90", Boolean),
)

prediction_cohorts = Table(
    "prediction_cohorts",
    metadata,
    _key("population", Text),
    _key("scorer", Text),
    _key("week", INSTANT),
    _key("horizon_days", SmallInteger),
    _is("tutors", Integer),
    _is("expected", Double),
    _is("actual", Double),
    _may("auc", Double),
    _is("log_loss", Double),
    _is("calibration_error", Double),
    _is("complete", Boolean),
    _is("measured_at", INSTANT),
)

prediction_drift = Table(
    "prediction_drift",
    metadata,
    _key("model_id", Text),
    _key("measured_at", INSTANT),
    _key("subject", Text),
    _is("psi", Double),
    _is("tutors", Integer),
)

feature_skew = Table(
    "feature_skew",
    metadata,
    _key("measured_at", INSTANT),
    _is("feature_version"),
    _is("vectors", Integer),
    _is("missing", Integer),
    _is("different", Integer),
    _is("features", JSONB),
    _may("late", Integer),
)

feature_names = Table(
    "feature_names",
    metadata,
    _key("feature_version", Text),
    _is("names", ARRAY(Text)),
)

jobs = Table(
    "jobs",
    metadata,
    _key("job_id", UUID(as_uuid=True)),
    _may("organization_id", Integer),
    _is("actor"),
    _is("queue"),
    _is("priority", SmallInteger),
    _is("args", JSONB),
    _may("dedupe_key"),
    _may("slot", INSTANT),
    _is("state"),
    _is("available_at", INSTANT),
    _may("expires_at", INSTANT),
    _is("attempts", Integer),
    _is("recoveries", Integer),
    _may("lease_until", INSTANT),
    _is("fence", BigInteger),
    _may("worker"),
    _is("cancel_requested", Boolean),
    _is("again", Boolean),
    _may("rung_at", INSTANT),
    _may("cursor", JSONB),
    _may("progress", JSONB),
    _may("result", JSONB),
    _may("error"),
    _may("error_type"),
    _may("traceback"),
    _may("trace_context"),
    _is("requested_by"),
    _is("created_at", INSTANT),
    _may("started_at", INSTANT),
    _may("finished_at", INSTANT),
)

breakers = Table(
    "breakers",
    metadata,
    _key("name", Text),
    _is("failures", Integer),
    _may("error"),
    _may("failed_at", INSTANT),
    _may("opened_at", INSTANT),
    _may("probe_until", INSTANT),
)

paces = Table(
    "paces",
    metadata,
    _key("name", Text),
    _is("free_at", INSTANT),
)

schedules = Table(
    "schedules",
    metadata,
    _key("name", Text),
    _is("registered_at", INSTANT),
    _may("paused_at", INSTANT),
    _may("actor"),
    _may("next_slot", INSTANT),
    _may("deadline_at", INSTANT),
    _may("served_at", INSTANT),
)

schedule_slots = Table(
    "schedule_slots",
    metadata,
    _key("name", Text),
    _key("slot", INSTANT),
    _is("job_id", UUID(as_uuid=True)),
    _is("emitted_at", INSTANT),
)

audit_log = Table(
    "audit_log",
    metadata,
    _key("audit_id", BigInteger),
    _is("at", INSTANT),
    _is("who"),
    _is("action"),
    _is("subject"),
    _may("reason"),
    _is("details", JSONB),
)

processes = Table(
    "processes",
    metadata,
    _key("process_id", UUID(as_uuid=True)),
    _is("kind"),
    _is("service"),
    _is("state"),
    _is("host"),
    _is("pid", Integer),
    _may("address"),
    _is("started_at", INSTANT),
    _is("seen_at", INSTANT),
)

schema_floor = Table(
    "schema_floor",
    metadata,
    _key("the_only_row", Boolean),
    _is("revision"),
)

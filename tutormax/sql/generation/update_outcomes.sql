-- update_outcomes: what became of booked sessions?
-- One row for each session whose outcome is new; :earliest and :latest hold their starts, so that few partitions are met.
update sessions
set
    status = outcome.status,
    cancelled_at = outcome.cancelled_at,
    actual_start = outcome.actual_start,
    ended_at = outcome.ended_at,
    outcome_known_at = outcome.outcome_known_at,
    late_start_minutes = outcome.late_start_minutes,
    engagement_score = outcome.engagement_score,
    objectives_met = outcome.objectives_met,
    technical_issues = outcome.technical_issues,
    tutor_replaced = outcome.tutor_replaced,
    ingested_at = outcome.outcome_known_at
from jsonb_to_recordset(cast(:outcomes as jsonb)) as outcome (
    external_id text,
    scheduled_start timestamptz,
    status text,
    cancelled_at timestamptz,
    actual_start timestamptz,
    ended_at timestamptz,
    outcome_known_at timestamptz,
    late_start_minutes real,
    engagement_score real,
    objectives_met boolean,
    technical_issues boolean,
    tutor_replaced boolean
)
where
    sessions.organization_id = :organization_id
    and sessions.external_id = outcome.external_id
    and sessions.scheduled_start = outcome.scheduled_start
    and sessions.scheduled_start between :earliest and :latest

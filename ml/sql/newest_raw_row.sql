-- How fresh are the facts about a population? When did the newest of them reach us, as known at :as_of?
-- One row; null if nothing did in the 31 days before.
select max(ingested_at) as newest
from (
    select max(sessions.ingested_at) as ingested_at
    from sessions
    inner join organizations on sessions.organization_id = organizations.organization_id
    where
        organizations.synthetic = :synthetic
        and sessions.scheduled_start > cast(:as_of as timestamptz) - interval '744 hours'
        and sessions.ingested_at <= :as_of
    union all
    select max(student_feedback.ingested_at) as ingested_at
    from student_feedback
    inner join organizations on student_feedback.organization_id = organizations.organization_id
    where
        organizations.synthetic = :synthetic
        and student_feedback.submitted_at > cast(:as_of as timestamptz) - interval '744 hours'
        and student_feedback.ingested_at <= :as_of
    union all
    select max(tutor_events.ingested_at) as ingested_at
    from tutor_events
    inner join organizations on tutor_events.organization_id = organizations.organization_id
    where
        organizations.synthetic = :synthetic
        and tutor_events.event_time > cast(:as_of as timestamptz) - interval '744 hours'
        and tutor_events.ingested_at <= :as_of
) as arrivals

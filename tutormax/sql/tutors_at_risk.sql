-- tutors_at_risk: who may leave, most likely first?
-- One row for each tutor who was scored within 36 hours of the organization's newest score, with the latest score;
-- none for one who is known to have resigned and has not taught or joined since.
with latest as (
    select distinct on (churn_predictions.tutor_id)
        churn_predictions.*,
        tutors.organization_id,
        tutors.external_id,
        tutors.name
    from churn_predictions
    inner join tutors on churn_predictions.tutor_id = tutors.tutor_id
    inner join organizations on tutors.organization_id = organizations.organization_id
    where cast(:organization as text) is null or organizations.name = :organization
    order by churn_predictions.tutor_id asc, churn_predictions.as_of desc, churn_predictions.scored_at desc
),

newest as (
    select
        organization_id,
        max(as_of) as as_of
    from latest
    group by organization_id
),

shown as (
    select latest.*
    from latest
    -- Everybody is scored once a night, and the nights are 24 hours apart: within exactly a day, all who are still to
    -- be scored tonight would be missing as soon as one is.
    inner join newest
        on
            latest.organization_id = newest.organization_id
            and latest.as_of > newest.as_of - interval '36 hours'
),

resigned as (
    select
        shown.tutor_id,
        max(tutor_events.event_time) as resigned_at
    from shown
    inner join tutor_events
        on
            shown.tutor_id = tutor_events.tutor_id
            and tutor_events.event_type = 'resignation'
            -- An older one is followed by what made her worth scoring: a session, or a start.
            and tutor_events.event_time > shown.as_of - interval '336 hours'
    group by shown.tutor_id
),

gone as (
    select resigned.tutor_id
    from resigned
    inner join tutors on resigned.tutor_id = tutors.tutor_id
    where
        tutors.joined_at <= resigned.resigned_at
        and not exists (
            select true
            from sessions
            where
                sessions.tutor_id = resigned.tutor_id
                and sessions.status = 'completed'
                and sessions.ended_at > resigned.resigned_at
                -- For the partitions only: no session ends more than two days after its start.
                and sessions.scheduled_start > resigned.resigned_at - interval '48 hours'
        )
)

select
    shown.tutor_id,
    shown.external_id,
    shown.name,
    organizations.name as organization,
    shown.as_of,
    shown.model_id,
    shown.p1,
    shown.p7,
    shown.p30,
    shown.p90,
    shown.churn_score,
    shown.risk_level,
    shown.reasons,
    performance.tier
from shown
inner join organizations on shown.organization_id = organizations.organization_id
left join lateral (
    select metrics.tier
    from tutor_performance_metrics as metrics
    where metrics.tutor_id = shown.tutor_id and metrics.window_days = 30
    order by metrics.window_end desc
    limit 1
) as performance on true
where
    (cast(:levels as text[]) is null or shown.risk_level = any(cast(:levels as text[])))
    and shown.tutor_id not in (select gone.tutor_id from gone)
order by shown.p30 desc, shown.p7 desc nulls last, shown.tutor_id asc
limit :most

-- tutors_at_risk: who may leave, most likely first?
-- One row for each tutor who was scored within 36 hours of the organization's newest score, with the latest score.
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
)

select
    latest.tutor_id,
    latest.external_id,
    latest.name,
    organizations.name as organization,
    latest.as_of,
    latest.model_id,
    latest.p1,
    latest.p7,
    latest.p30,
    latest.p90,
    latest.churn_score,
    latest.risk_level,
    latest.reasons,
    performance.tier
from latest
inner join organizations on latest.organization_id = organizations.organization_id
-- Everybody is scored once a night, and the nights are 24 hours apart: within exactly a day, all who are still to be
-- scored tonight would be missing as soon as one is.
inner join newest
    on
        latest.organization_id = newest.organization_id
        and latest.as_of > newest.as_of - interval '36 hours'
left join lateral (
    select metrics.tier
    from tutor_performance_metrics as metrics
    where metrics.tutor_id = latest.tutor_id and metrics.window_days = 30
    order by metrics.window_end desc
    limit 1
) as performance on true
where cast(:levels as text[]) is null or latest.risk_level = any(cast(:levels as text[]))
order by latest.p30 desc, latest.p7 desc nulls last, latest.tutor_id asc
limit :most

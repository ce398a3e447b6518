-- risk_levels: how many tutors are at which risk?
-- One row for each level that occurs, by the latest score of every tutor scored within 36 hours of the newest score.
with latest as (
    select distinct on (tutors.tutor_id)
        tutors.organization_id,
        churn_predictions.as_of,
        churn_predictions.risk_level
    from churn_predictions
    inner join tutors on churn_predictions.tutor_id = tutors.tutor_id
    inner join organizations on tutors.organization_id = organizations.organization_id
    where cast(:organization as text) is null or organizations.name = :organization
    order by tutors.tutor_id asc, churn_predictions.as_of desc, churn_predictions.scored_at desc
),

newest as (
    select
        organization_id,
        max(as_of) as as_of
    from latest
    group by organization_id
)

select
    latest.risk_level,
    count(*) as tutors
from latest
-- Everybody is scored once a night, and the nights are 24 hours apart: within exactly a day, all who are still to be
-- scored tonight would be missing as soon as one is.
inner join newest
    on
        latest.organization_id = newest.organization_id
        and latest.as_of > newest.as_of - interval '36 hours'
group by latest.risk_level

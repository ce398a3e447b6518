-- tiers: how many tutors are in which tier over 30 days?
-- One row for each tier that occurs at the organization's newest quarter hour; null: too little evidence.
with newest as (
    select
        tutors.organization_id,
        max(metrics.window_end) as window_end
    from tutor_performance_metrics as metrics
    inner join tutors on metrics.tutor_id = tutors.tutor_id
    inner join organizations on tutors.organization_id = organizations.organization_id
    where cast(:organization as text) is null or organizations.name = :organization
    group by tutors.organization_id
)

select
    metrics.tier,
    count(*) as tutors
from tutor_performance_metrics as metrics
inner join tutors on metrics.tutor_id = tutors.tutor_id
inner join newest on tutors.organization_id = newest.organization_id and metrics.window_end = newest.window_end
where metrics.window_days = 30
group by metrics.tier

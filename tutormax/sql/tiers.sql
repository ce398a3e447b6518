-- tiers: how many active tutors are in which tier over 30 days?
-- One row for each tier that occurs; null: too little evidence.
select
    shown.tier,
    count(*) as tutors
from tutors
inner join organizations on tutors.organization_id = organizations.organization_id
cross join lateral (
    select
        metrics.tier,
        metrics.active
    from tutor_performance_metrics as metrics
    where metrics.tutor_id = tutors.tutor_id and metrics.window_days = 30
    order by metrics.window_end desc
    limit 1
) as shown
where
    shown.active
    and (cast(:organization as text) is null or organizations.name = :organization)
group by shown.tier

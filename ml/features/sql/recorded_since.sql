-- Since when are the sessions of each tutor's organization recorded?
-- One row for each tutor of a population whose organization has any: the start of its earliest session, in
-- microseconds since 1970, as numpy takes it.
with members as (
    select
        tutors.tutor_id,
        tutors.organization_id,
        earliest.scheduled_start
    from tutors
    inner join organizations on tutors.organization_id = organizations.organization_id
    left join lateral (
        select sessions.scheduled_start
        from sessions
        where sessions.tutor_id = tutors.tutor_id
        order by sessions.scheduled_start
        limit 1
    ) as earliest on true
    where organizations.synthetic = :synthetic
),

recorded as (
    select
        organization_id,
        min(scheduled_start) as since
    from members
    where scheduled_start is not null
    group by organization_id
)

select
    members.tutor_id,
    (extract(epoch from recorded.since) * 1000000)::bigint as since_us
from members
inner join recorded on members.organization_id = recorded.organization_id

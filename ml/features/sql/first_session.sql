-- Since when are the sessions of a population recorded?
-- One row: the start of the earliest session there is, or null.
select min(earliest.scheduled_start) as recorded_since
from tutors
inner join organizations on tutors.organization_id = organizations.organization_id
cross join lateral (
    select sessions.scheduled_start
    from sessions
    where sessions.tutor_id = tutors.tutor_id
    order by sessions.scheduled_start
    limit 1
) as earliest
where organizations.synthetic = :synthetic

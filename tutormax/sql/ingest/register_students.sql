-- register_students: which students do the staged sessions name that nobody has named before?
-- One row is written for each, known since the earliest of their sessions was.
with named as (
    select
        organization_id,
        student_id,
        min(coalesce(known_at, booked_at, scheduled_start)) as ingested_at
    from staged
    group by organization_id, student_id
)

insert into students (organization_id, external_id, ingested_at)
select
    organization_id,
    student_id,
    ingested_at
from named
where
    not exists (
        select true from students
        where students.organization_id = named.organization_id and students.external_id = named.student_id
    )
order by student_id

-- register_students: which students do the staged sessions name that nobody has named before?
-- One row is written for each, known since the earliest of their sessions was.
insert into students (organization_id, external_id, ingested_at)
select
    organization_id,
    student_id,
    min(coalesce(known_at, booked_at, scheduled_start)) as ingested_at
from staged
where
    not exists (
        select true from students
        where students.organization_id = staged.organization_id and students.external_id = staged.student_id
    )
group by organization_id, student_id
order by student_id

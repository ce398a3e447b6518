-- upsert_students: how many of the staged students are new? There is nothing in a student that could change.
-- One row of counts. A student of whom nothing is dated is known from now on.
with added as (
    insert into students (organization_id, external_id, ingested_at)
    select
        organization_id,
        student_id,
        greatest(known_at, coalesce(joined_at, :now)) as ingested_at
    from staged
    where
        not exists (
            select true from students
            where students.organization_id = staged.organization_id and students.external_id = staged.student_id
        )
    order by student_id
    returning student_id
)

select
    count(*) as inserted,
    0 as updated,
    cast('{}' as integer[]) as rescored
from added

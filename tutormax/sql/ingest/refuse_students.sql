-- refuse_students: which staged students cannot be taken in, and what is wrong with each?
-- One row for each student that this takes out of the staging table.
with numbered as (
    select
        line,
        student_id,
        min(line) over (partition by student_id) as first_line
    from staged
),

removed as (
    delete from staged using numbered
    where staged.line = numbered.line and numbered.line > numbered.first_line
)

select
    line,
    'student_id' as column_name,
    student_id as value,
    'is the id of line ' || first_line || ' too' as reason
from numbered
where line > first_line
order by line

-- refuse_tutors: which staged tutors cannot be taken in, and what is wrong with each?
-- One row for each tutor that this takes out of the staging table.
with numbered as (
    select
        line,
        tutor_id,
        min(line) over (partition by tutor_id) as first_line
    from staged
),

removed as (
    delete from staged using numbered
    where staged.line = numbered.line and numbered.line > numbered.first_line
)

select
    line,
    'tutor_id' as column_name,
    tutor_id as value,
    'is the id of line ' || first_line || ' too' as reason
from numbered
where line > first_line
order by line

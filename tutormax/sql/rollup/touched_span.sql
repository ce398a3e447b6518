-- touched_span: which days are to be summed up next?
-- One row: how many marks there are of the oldest days, of all tutors or of one, and the first and the last of these days.
-- So many whole days as hold :most marks, the last of which may hold more; null where there are none.
with oldest as (
    select day
    from touched_days
    where cast(:tutor_id as integer) is null or tutor_id = :tutor_id
    order by day
    limit :most
)

select
    count(*) as marks,
    min(day) as first,
    max(day) as last
from oldest

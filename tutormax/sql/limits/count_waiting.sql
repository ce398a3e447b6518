-- count_waiting: how many jobs does a queue hold, as far as it matters?
-- One row.
select count(*)
from (
    select
    from jobs
    where state = 'pending' and queue = :queue
    order by priority desc, available_at asc
    limit :most
) as waiting

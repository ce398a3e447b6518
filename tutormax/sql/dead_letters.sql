-- dead_letters: which jobs died of this, and how?
-- One row for each job of a group, newest first.
select
    job_id,
    args,
    attempts,
    recoveries,
    requested_by,
    created_at,
    finished_at,
    error,
    traceback
from jobs
where state = 'dead' and dead_group(actor, queue, error_type, error) = :group_id
order by finished_at desc
limit :most

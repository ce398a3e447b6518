-- dead_jobs: of what did the jobs of a selection die?
-- One row for each actor and error, numbers and ids in the error's text made equal.
select
    dead_group(actor, queue, error_type, error) as group_id,
    actor,
    queue,
    error_type,
    error_outline(error) as error,
    count(*) as jobs,
    min(finished_at) as oldest,
    max(finished_at) as newest
from jobs
where
    state = 'dead'
    and (cast(:ids as uuid[]) is null or job_id = any(cast(:ids as uuid[])))
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:queue as text) is null or queue = :queue)
    and (cast(:error as text) is null or position(lower(:error) in lower(error_type || ' ' || error)) > 0)
    and (cast(:group_id as text) is null or dead_group(actor, queue, error_type, error) = :group_id)
group by group_id, actor, queue, error_type, error_outline(error)
order by jobs desc, newest desc

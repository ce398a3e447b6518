-- drop_dead_jobs: which dead jobs are given up?
-- One row for each, gone.
delete from jobs
where
    state = 'dead'
    and (cast(:ids as uuid[]) is null or job_id = any(cast(:ids as uuid[])))
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:queue as text) is null or queue = :queue)
    and (cast(:error as text) is null or position(lower(:error) in lower(error_type || ' ' || error)) > 0)
    and (cast(:group_id as text) is null or dead_group(actor, queue, error_type, error) = :group_id)
returning job_id, actor, args, error

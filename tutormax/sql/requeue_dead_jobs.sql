-- requeue_dead_jobs: which dead jobs are tried anew?
-- One row for each; of several with one key the newest, and none whose key is in use.
with chosen as (
    select
        job_id,
        actor,
        dedupe_key,
        row_number() over (
            partition by actor, coalesce(dedupe_key, job_id::text)
            order by finished_at desc
        ) as newest_first
    from jobs
    where
        state = 'dead'
        and (cast(:ids as uuid[]) is null or job_id = any(cast(:ids as uuid[])))
        and (cast(:actor as text) is null or actor = :actor)
        and (cast(:queue as text) is null or queue = :queue)
        and (cast(:error as text) is null or position(lower(:error) in lower(error_type || ' ' || error)) > 0)
        and (cast(:group_id as text) is null or dead_group(actor, queue, error_type, error) = :group_id)
)

update jobs set
    state = 'pending',
    attempts = 0,
    recoveries = 0,
    available_at = clock_timestamp(),
    expires_at = null,
    again = false,
    cancel_requested = false,
    rung_at = null,
    finished_at = null
from chosen
where
    jobs.job_id = chosen.job_id
    and chosen.newest_first = 1
    -- Of two operators who requeue the same at once, the second finds it alive.
    and jobs.state = 'dead'
    and not exists (
        select true
        from jobs as alive
        where
            alive.actor = jobs.actor
            and alive.dedupe_key = jobs.dedupe_key
            and alive.state in ('pending', 'running')
    )
returning jobs.job_id, jobs.actor, jobs.queue, jobs.priority

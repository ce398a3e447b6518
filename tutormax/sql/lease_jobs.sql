-- lease_jobs: which of these jobs may this worker have, and under which fence?
-- One row for each that it got. None for one that is not due, expired, ended, held by somebody whose lease still runs or
-- locked by anybody just now; nor for one gone silent that was to stop, or, twice, that the relay has not chosen to try
-- since: a doorbell that was left over from before must not wake it.
with free as (
    select job_id
    from jobs
    where
        job_id = any(cast(:job_ids as uuid[]))
        and (expires_at is null or expires_at > clock_timestamp())
        -- By case: told of a state, the planner reads all of that state's own index, which is small in its eyes and in
        -- truth lists every job that has left the state since the last vacuum.
        and case state
            when 'pending' then available_at <= clock_timestamp()
            when 'running'
                then
                    lease_until < clock_timestamp()
                    and not cancel_requested
                    and (recoveries = 0 or rung_at is not null)
        end
    -- In one order, so that no two workers wait for each other.
    order by job_id
    for update skip locked
)

update jobs set
    state = 'running',
    attempts = attempts + (state = 'pending')::integer,
    recoveries = recoveries + (state = 'running')::integer,
    fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => :seconds),
    worker = :worker,
    rung_at = null,
    started_at = clock_timestamp()
from free
where jobs.job_id = free.job_id
returning
    jobs.job_id,
    organization_id,
    actor,
    queue,
    args,
    slot,
    attempts,
    recoveries,
    fence,
    cursor,
    available_at,
    started_at,
    trace_context

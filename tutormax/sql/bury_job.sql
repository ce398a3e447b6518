-- bury_job: how did the job end without success?
-- One row, or none when the fence is no longer ours. What was asked for while it ran lives on as a job of its own.
with buried as (
    update jobs set
        state = :state,
        lease_until = null,
        error = :error,
        error_type = :error_type,
        traceback = :traceback,
        finished_at = clock_timestamp()
    where job_id = :job_id and fence = :fence and state = 'running'
    returning *
),

asked_again as (
    insert into jobs (
        organization_id, actor, queue, priority, args, dedupe_key, slot, expires_at, trace_context, requested_by
    )
    select
        organization_id,
        actor,
        queue,
        priority,
        args,
        dedupe_key,
        slot,
        expires_at,
        trace_context,
        requested_by
    from buried
    where again
)

select state from buried

-- lease_job: may this worker have the job, and under which fence?
-- One row, or none: not due, expired, ended, held by somebody whose lease still runs, or gone silent twice and not the
-- one that the relay has chosen to try since: a doorbell that was left over from before must not wake it.
update jobs set
    state = 'running',
    attempts = attempts + (state = 'pending')::integer,
    recoveries = recoveries + (state = 'running')::integer,
    fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => :seconds),
    worker = :worker,
    rung_at = null,
    started_at = clock_timestamp()
where
    job_id = :job_id
    and (expires_at is null or expires_at > clock_timestamp())
    and (
        (state = 'pending' and available_at <= clock_timestamp())
        or (state = 'running' and lease_until < clock_timestamp() and (recoveries = 0 or rung_at is not null))
    )
returning
    job_id,
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

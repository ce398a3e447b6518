-- next_in_line: who waited for the place that has just become free?
-- One row with the job to ring for, or none. One that was rung for a moment ago is left to whoever hears it.
update jobs set rung_at = clock_timestamp()
where job_id = (
    select job_id
    from jobs
    where
        state = 'pending'
        and queue = :queue
        and available_at <= clock_timestamp()
        and ((:by_actor and actor = :actor) or (:by_organization and organization_id = :organization_id))
        and (rung_at is null or rung_at < clock_timestamp() - interval '0.2 seconds')
    order by priority desc, available_at asc
    limit 1
    for update skip locked
)
returning job_id, actor, queue, priority

-- due_jobs: for which jobs of one queue does nobody come, though they are due?
-- One row for each job to ring for, most urgent first, and why; none that was rung for a moment ago.
with waiting as (
    select
        job_id,
        case
            when attempts > 0 then 'retry'
            when rung_at is null and available_at > created_at + make_interval(secs => :settled) then 'delayed'
            else 'again'
        end as reason
    from jobs
    where
        state = 'pending'
        and queue = :queue
        and available_at <= clock_timestamp()
        and (rung_at is null or rung_at < clock_timestamp() - make_interval(secs => :ring_again))
        and created_at < clock_timestamp() - make_interval(secs => :settled)
    order by priority desc, available_at asc
    limit :most
    for update skip locked
),

silent as (
    select
        job_id,
        'recovery' as reason
    from jobs
    where
        state = 'running'
        and queue = :queue
        and lease_until < clock_timestamp()
        and (rung_at is null or rung_at < clock_timestamp() - make_interval(secs => :ring_again))
    order by lease_until
    limit :most
    for update skip locked
),

due as (
    select * from silent
    union all
    select * from waiting
)

update jobs set rung_at = clock_timestamp()
from due
where jobs.job_id = due.job_id
returning jobs.job_id, jobs.actor, jobs.queue, jobs.priority, due.reason

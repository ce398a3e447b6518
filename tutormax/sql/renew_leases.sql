-- renew_leases: which of these jobs are still ours, and is one to be cancelled?
-- One row for each job that is still held under its fence. A row that somebody has locked just now is not waited for: it is
-- renewed the next time, and nobody else's lease runs out meanwhile.
with held as (
    select *
    from jsonb_to_recordset(cast(:held as jsonb)) as held (job_id uuid, fence bigint, progress jsonb)
),

free as (
    select
        jobs.job_id,
        held.progress
    from held
    -- Who has a lease is running; said by its state, the planner may read all of jobs_leased (see lease_jobs).
    inner join jobs on held.job_id = jobs.job_id and held.fence = jobs.fence and jobs.lease_until is not null
    order by jobs.job_id
    for update of jobs skip locked
),

renewed as (
    update jobs set
        lease_until = clock_timestamp() + make_interval(secs => :seconds),
        progress = coalesce(free.progress, jobs.progress)
    from free
    where jobs.job_id = free.job_id
)

select
    jobs.job_id,
    jobs.fence,
    jobs.cancel_requested
from held
inner join jobs on held.job_id = jobs.job_id and held.fence = jobs.fence and jobs.lease_until is not null

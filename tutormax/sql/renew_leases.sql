-- renew_leases: which of these jobs are still ours, and is one to be cancelled?
-- One row for each job that is still held under its fence.
with held as (
    select *
    from jsonb_to_recordset(cast(:held as jsonb)) as held (job_id uuid, fence bigint, progress jsonb)
)

update jobs set
    lease_until = clock_timestamp() + make_interval(secs => :seconds),
    progress = coalesce(held.progress, jobs.progress)
from held
-- Who has a lease is running; said by its state, the planner may read all of jobs_leased (see lease_jobs).
where jobs.job_id = held.job_id and jobs.fence = held.fence and jobs.lease_until is not null
returning jobs.job_id, jobs.cancel_requested

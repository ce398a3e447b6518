-- finish_jobs: which of these jobs are done, and which are asked for once more?
-- One row for each; none for one whose fence is no longer ours, or whose row is locked by anybody just now.
with ours as (
    select
        jobs.job_id,
        held.result
    from
        unnest(cast(:job_ids as uuid[]), cast(:fences as bigint[]), cast(:results as jsonb[])) as held (
            job_id, fence, result
        )
    inner join jobs on held.job_id = jobs.job_id
    -- Who has a lease is running; said by its state, the planner may read all of jobs_leased (see lease_jobs).
    where jobs.fence = held.fence and jobs.lease_until is not null
    -- In one order, so that no two workers wait for each other.
    order by jobs.job_id
    for update of jobs skip locked
)

update jobs set
    state = case when again then 'pending' else 'done' end,
    attempts = case when again then 0 else attempts end,
    recoveries = case when again then 0 else recoveries end,
    available_at = case when again then clock_timestamp() else available_at end,
    again = false,
    -- What is asked for once more was asked for by somebody else than who cancelled.
    cancel_requested = cancel_requested and not again,
    lease_until = null,
    cursor = null,
    result = ours.result,
    error = null,
    error_type = null,
    traceback = null,
    finished_at = clock_timestamp()
from ours
where jobs.job_id = ours.job_id
returning jobs.job_id, jobs.state

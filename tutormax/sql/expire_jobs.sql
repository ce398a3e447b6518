-- expire_jobs: which jobs does nobody want any more?
-- One row for each, now cancelled: those that are too late to be of use, and those whose worker went silent and that were to
-- stop or have expired meanwhile, which nobody may take over any more; stopped: it was not for being too late.
with waiting as (
    select job_id
    from jobs
    where state = 'pending' and expires_at <= clock_timestamp()
    order by expires_at
    limit 1000
    for update skip locked
),

silent as (
    select job_id
    from jobs
    where
        state = 'running'
        and lease_until < clock_timestamp()
        and (cancel_requested or expires_at <= clock_timestamp())
    for update skip locked
)

update jobs set
    state = 'cancelled',
    error = case
        when cancel_requested then 'it was cancelled while it ran'
        else 'it had expired before a worker could start it'
    end,
    error_type = case when cancel_requested then 'Cancelled' else 'Expired' end,
    lease_until = null,
    finished_at = clock_timestamp()
where
    job_id in (
        select job_id from waiting
        union all
        select job_id from silent
    )
returning job_id, cancel_requested as stopped

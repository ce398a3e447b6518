-- expire_jobs: which jobs are too late to be of use?
-- One row for each, now cancelled; among them those whose worker went silent, which nobody may take over any more.
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
    where state = 'running' and lease_until < clock_timestamp() and expires_at <= clock_timestamp()
    for update skip locked
)

update jobs set
    state = 'cancelled',
    error = 'it had expired before a worker could start it',
    error_type = 'Expired',
    lease_until = null,
    finished_at = clock_timestamp()
where
    job_id in (
        select job_id from waiting
        union all
        select job_id from silent
    )
returning job_id, actor, queue

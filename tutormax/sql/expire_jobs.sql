-- expire_jobs: which jobs are too late to be of use?
-- One row for each, now cancelled.
update jobs set
    state = 'cancelled',
    error = 'it had expired before a worker could start it',
    error_type = 'Expired',
    finished_at = clock_timestamp()
where job_id in (
    select job_id
    from jobs
    where state = 'pending' and expires_at <= clock_timestamp()
    order by expires_at
    limit 1000
    for update skip locked
)
returning job_id, actor, queue

-- take_back_job: can the job that this one is a part of do it itself?
-- Changes nothing where a worker holds it or it has ended. A worker that had gone silent finds its fence of no use.
update jobs set
    state = 'cancelled',
    error = 'no worker had begun it when the job that it was a part of came to it',
    error_type = 'TakenBack',
    lease_until = null,
    finished_at = clock_timestamp()
where
    job_id = :job_id
    and (state = 'pending' or (state = 'running' and lease_until < clock_timestamp()))

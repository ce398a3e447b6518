-- bury_job: how did the job end without success?
-- One row, or none when the fence is no longer ours.
update jobs set
    state = :state,
    lease_until = null,
    error = :error,
    error_type = :error_type,
    traceback = :traceback,
    finished_at = clock_timestamp()
where job_id = :job_id and fence = :fence and state = 'running'
returning state

-- finish_job: is the job done, or asked for once more?
-- One row, or none when the fence is no longer ours.
update jobs set
    state = case when again then 'pending' else 'done' end,
    attempts = case when again then 0 else attempts end,
    recoveries = case when again then 0 else recoveries end,
    available_at = case when again then clock_timestamp() else available_at end,
    again = false,
    lease_until = null,
    cursor = null,
    result = cast(:result as jsonb),
    error = null,
    error_type = null,
    traceback = null,
    finished_at = clock_timestamp()
where job_id = :job_id and fence = :fence and state = 'running'
returning state

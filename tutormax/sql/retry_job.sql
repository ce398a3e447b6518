-- retry_job: when does a failed job run again?
-- One row, or none when the fence is no longer ours or somebody has asked for it to stop.
update jobs set
    state = 'pending',
    available_at = clock_timestamp() + make_interval(secs => :seconds),
    again = false,
    lease_until = null,
    error = :error,
    error_type = :error_type,
    traceback = :traceback
where job_id = :job_id and fence = :fence and state = 'running' and not cancel_requested
returning state

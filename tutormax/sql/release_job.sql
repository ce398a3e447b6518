-- release_job: may somebody else start over?
-- One row, or none when the fence is no longer ours or somebody has asked for it to stop. The attempt is not counted.
update jobs set
    state = 'pending',
    attempts = attempts - 1,
    available_at = clock_timestamp() + make_interval(secs => :seconds),
    again = false,
    lease_until = null
where job_id = :job_id and fence = :fence and state = 'running' and not cancel_requested
returning state

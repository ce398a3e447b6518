-- hold_job: is the job still ours, and how far has it come?
-- One row, or none when the fence is no longer ours.
update jobs set
    lease_until = clock_timestamp() + make_interval(secs => :seconds),
    cursor = coalesce(cast(:cursor as jsonb), cursor)
where job_id = :job_id and fence = :fence and state = 'running'
returning state

-- cancel_job: can the job still be stopped?
-- One row with the state it is in now, or none when it had ended. A running one stops when its worker hears of it.
update jobs set
    state = case when state = 'pending' then 'cancelled' else state end,
    cancel_requested = true,
    error = case when state = 'pending' then 'it was cancelled before it started' else error end,
    error_type = case when state = 'pending' then 'Cancelled' else error_type end,
    finished_at = case when state = 'pending' then clock_timestamp() else finished_at end
where job_id = :job_id and state in ('pending', 'running')
returning state

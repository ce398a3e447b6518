-- vouch_for_worker: the worker of this lease lives, though another has taken the job over since.
update jobs set recoveries = recoveries - 1
where job_id = :job_id and fence > :fence and recoveries > 0 and state in ('pending', 'running')

-- is_job_done: was the job completed under this very lease?
-- One row, or none.
select job_id
from jobs
where job_id = :job_id and fence = :fence and state = 'done'

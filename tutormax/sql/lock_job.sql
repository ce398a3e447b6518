-- lock_job: wait until nobody else holds this job's row.
-- One row, or none when there is no such job.
select job_id
from jobs
where job_id = :job_id
for update

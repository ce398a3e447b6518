-- limited_job: whose limits does the job come under?
-- One row, or none when it is gone.
select
    actor,
    queue,
    organization_id
from jobs
where job_id = :job_id

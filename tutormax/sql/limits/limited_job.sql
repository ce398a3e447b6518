-- limited_job: whose limits does the job come under?
-- One row, or none when there is nothing to start: it is gone, not due, ended or held by somebody whose lease still runs.
-- Whoever has locked it is waited for here, and not for long, before a limit is locked that others want, too.
select
    actor,
    queue,
    organization_id
from jobs
where
    job_id = :job_id
    and case state
        when 'pending' then available_at <= clock_timestamp()
        when 'running' then lease_until < clock_timestamp()
    end
for update

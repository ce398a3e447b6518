-- stand_of_jobs: how do these jobs stand, and does a worker hold them?
-- One row for each that is still in the ledger.
select
    job_id,
    state,
    result,
    state = 'running' and lease_until >= clock_timestamp() as held
from jobs
where job_id = any(cast(:job_ids as uuid[]))

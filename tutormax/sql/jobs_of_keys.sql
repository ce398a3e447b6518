-- jobs_of_keys: which jobs hold these keys?
-- One row for each key whose job has not ended.
select
    jobs.job_id,
    jobs.actor,
    jobs.dedupe_key
from unnest(cast(:actors as text[]), cast(:keys as text[])) as wanted (actor, key)
inner join jobs
    on
        wanted.actor = jobs.actor
        and wanted.key = jobs.dedupe_key
        and jobs.state in ('pending', 'running')

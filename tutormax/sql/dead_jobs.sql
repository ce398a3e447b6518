-- dead_jobs: of what did jobs die?
-- One row for each actor and error, numbers and ids in the error's text made equal.
with dead as (
    select
        actor,
        queue,
        error_type,
        regexp_replace(left(error, 200), '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '…', 'g') as error,
        finished_at
    from jobs
    where state = 'dead'
)

select
    actor,
    queue,
    error_type,
    error,
    count(*) as jobs,
    min(finished_at) as oldest,
    max(finished_at) as newest
from dead
group by actor, queue, error_type, error
order by jobs desc, newest desc

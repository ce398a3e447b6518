-- queue_depths: how much is in each queue, in which state, and for how long?
-- One row for each queue and state that occurs; the age is that of the job that has been due, running or dead longest.
with pending as (
    select
        queue,
        available_at,
        case when available_at <= statement_timestamp() then 'ready' else 'delayed' end as state
    from jobs
    where state = 'pending'
)

select
    queue,
    state,
    count(*) as jobs,
    extract(epoch from statement_timestamp() - min(available_at))::float as oldest_seconds
from pending
group by queue, state

union all

select
    queue,
    state,
    count(*) as jobs,
    extract(epoch from statement_timestamp() - min(started_at))::float as oldest_seconds
from jobs
where state = 'running'
group by queue, state

union all

select
    queue,
    state,
    count(*) as jobs,
    extract(epoch from statement_timestamp() - min(finished_at))::float as oldest_seconds
from jobs
where state = 'dead'
group by queue, state

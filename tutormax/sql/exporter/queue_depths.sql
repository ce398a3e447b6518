-- queue_depths: how much is in each queue, in which state, and for how long?
-- One row for each queue and state that may occur; the age is that of the job that has been due, running or dead
-- longest. Pending jobs are counted in one pass over the index by which they are fetched.
with pending as (
    select
        queue,
        count(*) filter (where available_at <= statement_timestamp()) as ready,
        count(*) filter (where available_at > statement_timestamp()) as delayed,
        extract(epoch from statement_timestamp() - min(available_at))::float as oldest_seconds
    from jobs
    where state = 'pending'
    group by queue
)

select
    pending.queue,
    counted.state,
    counted.jobs,
    counted.oldest_seconds
from pending
cross join lateral (
    values
    ('ready', pending.ready, pending.oldest_seconds),
    ('delayed', pending.delayed, null)
) as counted (state, jobs, oldest_seconds)

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

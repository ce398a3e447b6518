-- settled_schedules: since when is nothing owed for each schedule?
-- One row for each name: when its job last succeeded, whoever had asked for it, or else when the schedule began.
with given as (
    select
        name,
        actor
    from unnest(cast(:names as text[]), cast(:actors as text[])) as given (name, actor)
)

select
    given.name,
    greatest(schedules.registered_at, succeeded.finished_at) as settled_at
from given
inner join schedules on given.name = schedules.name
left join lateral (
    -- The newest row at or below the place where the actor's newest success would stand: one step into jobs_recurring.
    -- Asked for the newest success outright, the planner may walk through every job that ever ended.
    select
        jobs.actor,
        jobs.state,
        jobs.finished_at
    from jobs
    where (jobs.actor, jobs.state, jobs.finished_at) <= (given.actor, 'done', 'infinity') and jobs.args = '{}'
    order by jobs.actor desc, jobs.state desc, jobs.finished_at desc
    limit 1
) as succeeded on given.actor = succeeded.actor and succeeded.state = 'done'

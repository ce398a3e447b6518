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
    select jobs.finished_at
    from jobs
    where jobs.actor = given.actor and jobs.state = 'done' and jobs.args = '{}'
    order by jobs.finished_at desc
    limit 1
) as succeeded on true

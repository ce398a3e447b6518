-- schedules: how does each schedule stand?
-- One row for each that some scheduler serves, or served until all of them went silent; what never happened is null.
with newest as (
    select max(served_at) as served_at
    from schedules
),

served as (
    select
        schedules.name,
        schedules.actor,
        schedules.paused_at,
        schedules.next_slot,
        schedules.deadline_at
    from schedules
    inner join newest on schedules.served_at > newest.served_at - interval '2 minutes'
    order by name
    limit :most
)

select
    served.name,
    served.actor,
    served.paused_at is not null as paused,
    extract(epoch from served.next_slot)::float as next_slot,
    extract(epoch from served.deadline_at)::float as deadline,
    extract(epoch from fired.emitted_at)::float as last_fire,
    -- Of its own slot's job, not by comparing times: a job may be cancelled, dropped, or tried again later.
    sent.state = 'pending' and sent.attempts = 0 as unstarted,
    extract(epoch from greatest(succeeded.started_at, later.started_at))::float as last_start,
    extract(epoch from succeeded.finished_at)::float as last_success,
    extract(epoch from succeeded.finished_at - succeeded.started_at)::float as last_duration,
    later.failures
from served
left join lateral (
    select
        schedule_slots.job_id,
        schedule_slots.emitted_at
    from schedule_slots
    where schedule_slots.name = served.name
    order by schedule_slots.slot desc
    limit 1
) as fired on true
left join jobs as sent on fired.job_id = sent.job_id
left join lateral (
    -- The newest row at or below the place where the actor's newest success would stand: one step into jobs_recurring.
    -- Asked for the newest success outright, the planner may walk through every job that ever ended.
    select
        jobs.actor,
        jobs.state,
        jobs.started_at,
        jobs.finished_at
    from jobs
    where (jobs.actor, jobs.state, jobs.finished_at) <= (served.actor, 'done', 'infinity') and jobs.args = '{}'
    order by jobs.actor desc, jobs.state desc, jobs.finished_at desc
    limit 1
) as succeeded on served.actor = succeeded.actor and succeeded.state = 'done'
cross join lateral (
    select
        max(runs.started_at) as started_at,
        count(*) filter (where runs.state = 'dead' or runs.error_type = 'Expired') as failures
    from jobs as runs
    where
        runs.actor = served.actor
        and runs.args = '{}'
        and (
            runs.state in ('pending', 'running')
            or (
                runs.state in ('dead', 'cancelled')
                and runs.finished_at > coalesce(succeeded.finished_at, '-infinity')
            )
        )
) as later

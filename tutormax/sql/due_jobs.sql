-- due_jobs: for which jobs of one queue does nobody come, though they are due?
-- One row for each job to ring for, and why; none that was rung for a moment ago. Urgent ones first, and among equally
-- urgent ones the organizations take turns, so that whoever sends ten thousand does not keep the others waiting.
with recursive owners as (
    (
        select coalesce(jobs.organization_id, 0) as owner
        from jobs
        where jobs.state = 'pending' and jobs.queue = :queue
        order by coalesce(jobs.organization_id, 0)
        limit 1
    )
    union all
    select
        (
            select coalesce(jobs.organization_id, 0)
            from jobs
            where jobs.state = 'pending' and jobs.queue = :queue and coalesce(jobs.organization_id, 0) > owners.owner
            order by coalesce(jobs.organization_id, 0)
            limit 1
        ) as owner
    from owners
    where owners.owner is not null
),

candidates as (
    select
        of_owner.job_id,
        of_owner.priority,
        of_owner.available_at,
        row_number() over (partition by owners.owner, of_owner.priority order by of_owner.available_at) as turn
    from owners
    cross join lateral (
        select
            jobs.job_id,
            jobs.priority,
            jobs.available_at
        from jobs
        where
            jobs.state = 'pending'
            and jobs.queue = :queue
            and coalesce(jobs.organization_id, 0) = owners.owner
            and jobs.available_at <= clock_timestamp()
            and (jobs.rung_at is null or jobs.rung_at < clock_timestamp() - make_interval(secs => :ring_again))
            and jobs.created_at < clock_timestamp() - make_interval(secs => :settled)
        order by jobs.priority desc, jobs.available_at asc
        limit :most
    ) as of_owner
),

chosen as (
    select
        job_id,
        row_number() over (order by priority desc, turn asc, available_at asc) as place
    from candidates
    order by place
    limit :most
),

waiting as (
    select
        jobs.job_id,
        chosen.place,
        case
            when jobs.attempts > 0 then 'retry'
            when
                jobs.rung_at is null
                and jobs.available_at > jobs.created_at + make_interval(secs => :settled)
                then 'delayed'
            else 'again'
        end as reason
    from chosen
    inner join jobs on chosen.job_id = jobs.job_id
    where jobs.state = 'pending'
    for update of jobs skip locked
),

rung as (
    update jobs set rung_at = clock_timestamp()
    from waiting
    where jobs.job_id = waiting.job_id
    returning jobs.job_id, jobs.actor, jobs.queue, jobs.priority, waiting.reason, waiting.place
)

select
    job_id,
    actor,
    queue,
    priority,
    reason
from rung
order by place

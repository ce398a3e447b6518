-- silent_jobs: for which jobs of one queue must somebody else come, because their worker went silent?
-- One row for each, now marked as rung; none that was rung for a moment ago. Of those that went silent twice, of whatever
-- queue, one at a time: one of them may kill its workers, which serve several queues, and the others would be taken for
-- guilty, having died with it. None waits for longer than a minute for its turn.
-- A silence is counted in recoveries when somebody takes the job over: a silent job with one has gone silent twice, a
-- running one with two has, and was taken over since.
with silent as (
    select
        job_id,
        lease_until,
        recoveries > 0 and lease_until > clock_timestamp() - interval '1 minute' as suspect
    from jobs
    where
        state = 'running'
        and queue = :queue
        and not cancel_requested
        and lease_until < clock_timestamp()
        and (rung_at is null or rung_at < clock_timestamp() - make_interval(secs => :ring_again))
),

queued as (
    select
        job_id,
        suspect,
        row_number() over (partition by suspect order by lease_until) as turn
    from silent
),

watched as (
    select count(*) as suspects
    from jobs
    where
        state = 'running'
        and (
            (recoveries > 1 and lease_until >= clock_timestamp())
            or (
                recoveries > 0
                and lease_until < clock_timestamp()
                and rung_at >= clock_timestamp() - make_interval(secs => :ring_again)
            )
        )
),

due as (
    select jobs.job_id
    from jobs
    inner join queued on jobs.job_id = queued.job_id
    cross join watched
    where
        jobs.state = 'running'
        and jobs.lease_until < clock_timestamp()
        and queued.turn <= case when not queued.suspect then :most when watched.suspects = 0 then 1 else 0 end
    for update of jobs skip locked
)

update jobs set rung_at = clock_timestamp()
from due
where jobs.job_id = due.job_id
returning jobs.job_id, jobs.actor, jobs.queue, jobs.priority

-- first_counted_sessions: for which sessions is this quarter hour the first that can count them?
-- One row for each of which we learned after the quarter hour judged before this one, however long ago that was, and
-- that ended since :oldest. What had ended more than a day before we heard of it is history that somebody took in.
with previous as (
    select coalesce(max(window_end), :window_start) as window_end
    from evaluations
    where window_end < :window_end
)

select
    sessions.ended_at,
    greatest(sessions.ingested_at, sessions.outcome_known_at) as known_at
from sessions
inner join previous on greatest(sessions.ingested_at, sessions.outcome_known_at) > previous.window_end
where
    sessions.ended_at > :oldest
    and sessions.ended_at <= :window_end
    and sessions.ended_at > greatest(sessions.ingested_at, sessions.outcome_known_at) - interval '24 hours'
    and sessions.ingested_at <= :window_end
    and sessions.outcome_known_at <= :window_end
    -- For the partitions only: no session ends two days after its start, or a day before it.
    and sessions.scheduled_start > :oldest - interval '48 hours'
    and sessions.scheduled_start <= :window_end + interval '24 hours'

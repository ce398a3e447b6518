-- first_counted_sessions: for which sessions is this quarter hour the first that can count them?
-- One row for each that ended since :oldest and of which we learned after the quarter hour judged before this one.
with previous as (
    select coalesce(max(window_end), :window_start) as window_end
    from evaluations
    where window_end < :window_end and window_end >= :oldest
)

select
    sessions.ended_at,
    greatest(sessions.ingested_at, sessions.outcome_known_at) as known_at
from sessions
inner join previous on greatest(sessions.ingested_at, sessions.outcome_known_at) > previous.window_end
where
    sessions.ended_at > :oldest
    and sessions.ended_at <= :window_end
    and sessions.ingested_at <= :window_end
    and sessions.outcome_known_at <= :window_end
    -- For the partitions only: no session ends two days after its start, or a day before it.
    and sessions.scheduled_start > :oldest - interval '48 hours'
    and sessions.scheduled_start <= :window_end + interval '24 hours'

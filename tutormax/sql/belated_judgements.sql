-- Which judgements were passed before a fact became known that they should have counted?
-- One row for each stored tutor and window end, up to :window_start, that holds a fact of which we learned after
-- :known_since; the first :most of them that come after one tutor and window end.
with belated as (
    select
        tutor_id,
        scheduled_start as happened_at
    from sessions
    where
        scheduled_start <= :window_start
        and (ingested_at > :known_since or outcome_known_at > :known_since)

    union all

    select
        tutor_id,
        submitted_at as happened_at
    from student_feedback
    where
        submitted_at <= :window_start
        and ingested_at > :known_since

    union all

    select
        tutor_id,
        event_time as happened_at
    from tutor_events
    where
        event_time <= :window_start
        and ingested_at > :known_since
        and event_type in ('login', 'reschedule', 'message_response')
),

spans as (
    select
        tutor_id,
        min(happened_at) as earliest,
        max(happened_at) as latest
    from belated
    group by tutor_id
)

select
    stored.tutor_id,
    stored.window_end
from spans
inner join tutor_performance_metrics as stored
    on
        spans.tutor_id = stored.tutor_id
        and spans.earliest <= stored.window_end
        and spans.latest + interval '2160 hours' > stored.window_end
where
    stored.window_days = 90
    and stored.window_end <= :window_start
    and (stored.tutor_id, stored.window_end) > (:after_tutor, :after_window_end)
order by stored.tutor_id, stored.window_end
limit :most

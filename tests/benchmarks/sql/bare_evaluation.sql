-- bare_evaluation: what are the counts and sums of all tutors in the 90 days before one instant, all together?
-- One row: the least that must be read and added up to judge each of them over three windows.
with taught as (
    select
        tutor_id,
        count(*) filter (where scheduled_start > :window_end - interval '168 hours') as scheduled_7,
        count(*) filter (where scheduled_start > :window_end - interval '720 hours') as scheduled_30,
        count(*) as scheduled_90,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'completed' and late_start_minutes <= 5) as on_time,
        count(*) filter (where status = 'completed' and objectives_met) as objectives_met,
        sum(engagement_score) filter (where status = 'completed') as engagement
    from sessions
    where
        status in ('completed', 'tutor_no_show', 'student_no_show')
        and scheduled_start > :window_end - interval '2160 hours'
        and scheduled_start <= :window_end
    group by tutor_id
),

rated as (
    select
        tutor_id,
        count(*) filter (where submitted_at > :window_end - interval '168 hours') as ratings_7,
        count(*) filter (where submitted_at > :window_end - interval '720 hours') as ratings_30,
        sum(rating) as rating_90
    from student_feedback
    where submitted_at > :window_end - interval '2160 hours' and submitted_at <= :window_end
    group by tutor_id
),

reacted as (
    select
        tutor_id,
        count(*) filter (where event_type = 'reschedule') as reschedules,
        sum(value) filter (where event_type = 'message_response') as response_minutes,
        count(distinct cast(event_time at time zone 'UTC' as date)) filter (where event_type = 'login') as login_days
    from tutor_events
    where
        event_type in ('message_response', 'reschedule', 'login')
        and event_time > :window_end - interval '2160 hours'
        and event_time <= :window_end
    group by tutor_id
)

select
    count(*) as tutors,
    sum(taught.scheduled_7 + taught.scheduled_30 + taught.scheduled_90) as scheduled,
    sum(taught.completed + taught.on_time + taught.objectives_met) as completed,
    sum(taught.engagement) as engagement,
    sum(rated.ratings_7 + rated.ratings_30 + rated.rating_90) as rated,
    sum(reacted.reschedules + reacted.login_days) as reacted,
    sum(reacted.response_minutes) as response_minutes
from taught
full outer join rated on taught.tutor_id = rated.tutor_id
full outer join reacted on taught.tutor_id = reacted.tutor_id

-- performance_from_facts: how did each tutor do over the 7, 30 and 90 days that end at one quarter hour?
-- One row for each given pair of a tutor and a window end and each of the three windows, straight from the facts: what
-- evaluation must say by whatever shorter way.
with spine as (
    select
        tutors.tutor_id,
        pairs.window_end,
        pairs.window_end - interval '2160 hours' as start_90,
        pairs.window_end - interval '720 hours' as start_30,
        pairs.window_end - interval '168 hours' as start_7,
        extract(epoch from pairs.window_end - tutors.joined_at) / 86400 as tenure_days
    from unnest(cast(:tutor_ids as integer[]), cast(:window_ends as timestamptz[])) as pairs (tutor_id, window_end)
    inner join tutors on pairs.tutor_id = tutors.tutor_id
),

-- The next four are sums over the facts that the 7 days hold, over what the 30 days hold besides, and the 90.
taught as (
    select
        spine.tutor_id,
        spine.window_end,
        case
            when sessions.scheduled_start > spine.start_7 then 7
            when sessions.scheduled_start > spine.start_30 then 30
            else 90
        end as window_days,
        count(*) as scheduled,
        count(*) filter (where sessions.status = 'tutor_no_show') as no_shows,
        count(*) filter (where sessions.status = 'completed') as completed,
        count(sessions.late_start_minutes) filter (where sessions.status = 'completed') as timed,
        count(*) filter (where sessions.status = 'completed' and sessions.late_start_minutes <= 5) as on_time,
        count(sessions.objectives_met) filter (where sessions.status = 'completed') as objectives,
        count(*) filter (where sessions.status = 'completed' and sessions.objectives_met) as objectives_met,
        count(sessions.engagement_score) filter (where sessions.status = 'completed') as engaged,
        -- In millionths, and minutes below as decimals: such sums are exact, so the order of the rows never shows.
        sum(round(sessions.engagement_score * 1000000)::bigint) filter (where sessions.status = 'completed') as engagement
    from spine
    inner join sessions
        on
            spine.tutor_id = sessions.tutor_id
            and spine.start_90 < sessions.scheduled_start
            and spine.window_end >= sessions.scheduled_start
    where
        sessions.status in ('completed', 'tutor_no_show', 'student_no_show')
        and sessions.scheduled_start > :earliest
        and sessions.scheduled_start <= :latest
    group by 1, 2, 3
),

rated as (
    select
        spine.tutor_id,
        spine.window_end,
        case
            when student_feedback.submitted_at > spine.start_7 then 7
            when student_feedback.submitted_at > spine.start_30 then 30
            else 90
        end as window_days,
        count(*) as ratings,
        sum(student_feedback.rating) as rating,
        count(*) filter (where student_feedback.is_first_session) as firsts,
        count(*) filter (where student_feedback.is_first_session and student_feedback.rating >= 4) as good_firsts
    from spine
    inner join student_feedback
        on
            spine.tutor_id = student_feedback.tutor_id
            and spine.start_90 < student_feedback.submitted_at
            and spine.window_end >= student_feedback.submitted_at
    where
        student_feedback.submitted_at > :earliest
        and student_feedback.submitted_at <= :latest
    group by 1, 2, 3
),

reacted as (
    select
        spine.tutor_id,
        spine.window_end,
        case
            when tutor_events.event_time > spine.start_7 then 7
            when tutor_events.event_time > spine.start_30 then 30
            else 90
        end as window_days,
        count(*) filter (where tutor_events.event_type = 'reschedule') as reschedules,
        count(tutor_events.value) filter (where tutor_events.event_type = 'message_response') as responses,
        sum(tutor_events.value::numeric) filter (where tutor_events.event_type = 'message_response') as response_minutes
    from spine
    inner join tutor_events
        on
            spine.tutor_id = tutor_events.tutor_id
            and spine.start_90 < tutor_events.event_time
            and spine.window_end >= tutor_events.event_time
    where
        (tutor_events.event_type = 'message_response' or (tutor_events.event_type = 'reschedule' and tutor_events.by_tutor))
        and tutor_events.event_time > :earliest
        and tutor_events.event_time <= :latest
    group by 1, 2, 3
),

-- A day belongs to every window that holds its newest login, so each day is counted once.
login_days as (
    select
        spine.tutor_id,
        spine.window_end,
        spine.start_7,
        spine.start_30,
        (tutor_events.event_time at time zone 'UTC')::date as day,
        max(tutor_events.event_time) as newest
    from spine
    inner join tutor_events
        on
            spine.tutor_id = tutor_events.tutor_id
            and spine.start_90 < tutor_events.event_time
            and spine.window_end >= tutor_events.event_time
    where
        tutor_events.event_type = 'login'
        and tutor_events.event_time > :earliest
        and tutor_events.event_time <= :latest
    group by 1, 2, 3, 4, 5
),

logged_in as (
    select
        tutor_id,
        window_end,
        case when newest > start_7 then 7 when newest > start_30 then 30 else 90 end as window_days,
        count(*) as login_days
    from login_days
    group by 1, 2, 3
),

-- A longer window holds what the shorter ones hold: running sums from 7 to 90 days.
totals as (
    select
        spine.tutor_id,
        spine.window_end,
        lengths.window_days,
        greatest(1, least(lengths.window_days, spine.tenure_days)) as exposed_days,
        coalesce(sum(taught.scheduled) over through, 0) as scheduled,
        coalesce(sum(taught.completed) over through, 0) as completed,
        coalesce(sum(taught.no_shows) over through, 0) as no_shows,
        sum(taught.timed) over through as timed,
        sum(taught.on_time) over through as on_time,
        sum(taught.objectives) over through as objectives,
        sum(taught.objectives_met) over through as objectives_met,
        sum(taught.engaged) over through as engaged,
        sum(taught.engagement) over through as engagement,
        sum(rated.ratings) over through as ratings,
        sum(rated.rating) over through as rating,
        sum(rated.firsts) over through as firsts,
        sum(rated.good_firsts) over through as good_firsts,
        coalesce(sum(reacted.reschedules) over through, 0) as reschedules,
        sum(reacted.responses) over through as responses,
        sum(reacted.response_minutes) over through as response_minutes,
        coalesce(sum(logged_in.login_days) over through, 0) as login_days
    from spine
    cross join (values (7), (30), (90)) as lengths (window_days)
    left join taught
        on (spine.tutor_id, spine.window_end, lengths.window_days) = (taught.tutor_id, taught.window_end, taught.window_days)
    left join rated
        on (spine.tutor_id, spine.window_end, lengths.window_days) = (rated.tutor_id, rated.window_end, rated.window_days)
    left join reacted
        on (spine.tutor_id, spine.window_end, lengths.window_days) = (reacted.tutor_id, reacted.window_end, reacted.window_days)
    left join logged_in
        on (spine.tutor_id, spine.window_end, lengths.window_days) = (logged_in.tutor_id, logged_in.window_end, logged_in.window_days)
    window through as (partition by spine.tutor_id, spine.window_end order by lengths.window_days)
),

measured as (
    select
        tutor_id,
        window_days,
        window_end,
        scheduled,
        completed,
        rating::float / nullif(ratings, 0) as average_rating,
        good_firsts::float / nullif(firsts, 0) as first_session_success_rate,
        reschedules::float / nullif(scheduled + reschedules, 0) as reschedule_rate,
        no_shows,
        no_shows::float / nullif(scheduled, 0) as no_show_rate,
        -- Millionths, so that a score of exactly 0.8 is no less for being a sum of three.
        round(
            0.4 * least(1, login_days * 7 / (exposed_days * 5))
            + 0.4 * engagement / (1000000 * nullif(engaged, 0))
            + 0.2 * on_time / nullif(timed, 0),
            6
        )::float as engagement_score,
        100 * objectives_met::float / nullif(objectives, 0) as learning_objectives_met_pct,
        response_minutes::float / nullif(responses, 0) as response_time_average_minutes
    from totals
),

-- The rule of flags: one line for each of six metrics, green then red; an unknown metric has neither.
flags as (
    select
        measured.tutor_id,
        measured.window_end,
        measured.window_days,
        count(*) filter (where flag.green) as green,
        count(*) filter (where flag.red) as red
    from measured
    cross join lateral (
        values
        (measured.average_rating >= 4.5, measured.average_rating < 3.5),
        (measured.first_session_success_rate >= 0.85, measured.first_session_success_rate < 0.70),
        (measured.reschedule_rate <= 0.10, measured.reschedule_rate > 0.15),
        (measured.no_show_rate = 0, measured.no_show_rate > 0.05),
        (measured.engagement_score >= 0.80, measured.engagement_score < 0.60),
        (measured.learning_objectives_met_pct >= 90, measured.learning_objectives_met_pct < 80)
    ) as flag (green, red)
    group by 1, 2, 3
),

-- The rule of tiers; too little evidence is no tier.
judged as (
    select
        measured.*,
        flags.green,
        flags.red,
        case
            when measured.scheduled < 5 then null
            when flags.green >= 5 and flags.red = 0 then 'exemplary'
            when flags.red >= 3 then 'at_risk'
            when flags.red >= 1 then 'needs_attention'
            when flags.green >= 3 then 'strong'
            else 'developing'
        end as tier
    from measured
    inner join flags
        on
            measured.tutor_id = flags.tutor_id
            and measured.window_end = flags.window_end
            and measured.window_days = flags.window_days
)

select
    tutor_id,
    window_days,
    window_end,
    scheduled as sessions_scheduled,
    completed as sessions_completed,
    average_rating,
    first_session_success_rate,
    reschedule_rate,
    no_shows as no_show_count,
    no_show_rate,
    engagement_score,
    learning_objectives_met_pct,
    response_time_average_minutes,
    green as green_flags,
    red as red_flags,
    tier
from judged
order by 1, 3, 2

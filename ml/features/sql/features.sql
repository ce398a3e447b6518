-- What was known of a tutor at one instant, as the 58 numbers of the catalogue?
-- One row for each (tutor, instant) asked for, at its position, if the tutor was known at that instant.
--
-- Known: it had happened at as_of, and we had learned of it at as_of. A window of W days is (as_of - W, as_of], written
-- in hours, because days follow the daylight saving of whoever asks; calendar parts are read in UTC. Sums run over whole
-- numbers, because a sum of floats depends on the order of its rows, and a tutor's numbers must have the same bits
-- alone, in a batch and in training. The sources hang on the tutor by lateral joins, so that there is one plan for all
-- three. Oldest and newest enclose every window of the spine: with them PostgreSQL leaves out whole months.
--
-- Inside a lateral step, bare columns are the step's own; `offset 0` keeps the planner from working such a column out
-- once for every count that reads it.
-- noqa: disable=RF03,ST05,AM09
with asked as (
    select
        position,
        tutor_id,
        as_of,
        as_of - interval '168 hours' as ago_7d,
        as_of - interval '336 hours' as ago_14d,
        as_of - interval '720 hours' as ago_30d,
        as_of - interval '1440 hours' as ago_60d,
        as_of - interval '2160 hours' as ago_90d
    from unnest(cast(:tutor_ids as integer[]), cast(:instants as timestamptz[]))
    with ordinality as spine (tutor_id, as_of, position)
),

-- A rate is taken over the days since joining where the window is longer: a young tutor is not declining.
known as (
    select
        asked.*,
        tutors.subjects,
        tenure.days as tenure_days,
        greatest(1, least(7, tenure.days)) as exposure_7d,
        greatest(1, least(14, tenure.days)) as exposure_14d,
        greatest(1, least(30, tenure.days)) as exposure_30d,
        greatest(1, least(90, tenure.days)) as exposure_90d,
        case
            when tutors.baseline_sessions_per_week <= 1000000
                then (tutors.baseline_sessions_per_week * 1000000)::bigint / 1000000.0::float
        end as baseline
    from asked
    inner join tutors on asked.tutor_id = tutors.tutor_id
    cross join lateral (select date_part('epoch', asked.as_of - tutors.joined_at) / 86400 as days) as tenure
    where
        tutors.joined_at <= asked.as_of
        and tutors.ingested_at <= asked.as_of
)

select
    known.position,
    -- engagement_decline
    taught.completed_7d::real as sessions_7d,
    taught.completed_14d::real as sessions_14d,
    taught.completed_30d::real as sessions_30d,
    taught.completed_90d::real as sessions_90d,
    (
        (taught.completed_7d / known.exposure_7d) / nullif(taught.completed_30d / known.exposure_30d, 0)
    )::real as sessions_trend_7_30,
    case
        when known.tenure_days >= 45
            then (taught.completed_30d / 30.0::float) / nullif(taught.completed_90d / known.exposure_90d, 0)
    end::real as sessions_trend_30_90,
    (
        (taught.completed_14d / known.exposure_14d * 7) / nullif(known.baseline, 0)
    )::real as activity_vs_baseline_14d,
    coalesce(
        date_part('epoch', known.as_of - taught.last_completed_at) / 86400, known.tenure_days
    )::real as days_since_last_session,
    taught.active_days_14d::real as active_days_14d,
    acted.logins_7d::real as logins_7d,
    acted.logins_30d::real as logins_30d,
    (
        (acted.logins_7d / known.exposure_7d) / nullif(acted.logins_30d / known.exposure_30d, 0)
    )::real as login_trend_7_30,
    (date_part('epoch', known.as_of - acted.last_login_at) / 86400)::real as days_since_last_login,
    (acted.response_p50_14d / 1000000)::real as response_min_p50_14d,
    (acted.response_p95_30d / 1000000)::real as response_min_p95_30d,
    (
        (
            acted.response_logs_7d::float / nullif(acted.responses_7d, 0)
            - acted.response_logs_30d::float / nullif(acted.responses_30d, 0)
        ) / 1000000
    )::real as response_trend_7_30,
    (taught.engagement_14d::float / nullif(taught.engaged_14d, 0) / 100000000)::real as engagement_avg_14d,
    (
        (
            taught.engagement_14d::float / nullif(taught.engaged_14d, 0)
            - taught.engagement_before::float / nullif(taught.engaged_before, 0)
        ) / 100000000
    )::real as engagement_trend_14_60,
    -- performance_trend
    (rated.ratings_14d::float / nullif(rated.rated_14d, 0))::real as rating_avg_14d,
    (rated.ratings_30d::float / nullif(rated.rated_30d, 0))::real as rating_avg_30d,
    (rated.ratings_90d::float / nullif(rated.rated_90d, 0))::real as rating_avg_90d,
    (
        rated.ratings_30d::float / nullif(rated.rated_30d, 0)
        - rated.ratings_before::float / nullif(rated.rated_before, 0)
    )::real as rating_trend_30_90,
    rated.rated_30d::real as rating_count_30d,
    (rated.low_60d::float / nullif(rated.rated_60d, 0))::real as rating_low_share_60d,
    case
        when rated.rated_90d >= 3
            then
                sqrt(rated.rated_90d * rated.ratings_squared_90d - rated.ratings_90d * rated.ratings_90d)
                / rated.rated_90d
    end::real as rating_std_90d,
    (taught.objectives_met_30d::float / nullif(taught.objectives_30d, 0))::real as objectives_met_rate_30d,
    (taught.late_30d::float / nullif(taught.started_30d, 0))::real as late_start_rate_30d,
    (taught.technical_issues_30d::float / nullif(taught.technical_30d, 0))::real as technical_issue_rate_30d,
    acted.trainings_90d::real as trainings_completed_90d,
    -- reschedule_pattern
    acted.moved_7d::real as resched_tutor_7d,
    acted.moved_30d::real as resched_tutor_30d,
    (
        acted.moved_14d::float / nullif(taught.completed_14d + taught.missed_14d + acted.moved_14d, 0)
    )::real as resched_rate_14d,
    (
        acted.moved_7d::float / nullif(taught.completed_7d + taught.missed_7d + acted.moved_7d, 0)
        - acted.moved_30d::float / nullif(taught.completed_30d + taught.missed_30d + acted.moved_30d, 0)
    )::real as resched_trend_7_30,
    acted.moved_late_30d::real as resched_short_notice_30d,
    acted.moved_by_students_30d::real as resched_student_30d,
    (date_part('epoch', known.as_of - acted.last_moved_at) / 86400)::real as days_since_last_resched,
    -- first_session_quality
    taught.first_sessions_30d::real as first_sessions_30d,
    rated.first_failed_30d::real as first_failed_30d,
    (1 - rated.first_failed_90d::float / nullif(rated.first_rated_90d, 0))::real as first_success_rate_90d,
    (rated.first_ratings_90d::float / nullif(rated.first_rated_90d, 0))::real as first_rating_avg_90d,
    (date_part('epoch', known.as_of - rated.last_failed_at) / 86400)::real as days_since_first_failed,
    -- no_show_risk
    taught.missed_14d::real as noshow_14d,
    taught.missed_30d::real as noshow_30d,
    (taught.missed_90d::float / nullif(taught.missed_90d + taught.completed_90d, 0))::real as noshow_rate_90d,
    taught.missed_monday_morning_90d::real as noshow_monday_morning_90d,
    (date_part('epoch', known.as_of - taught.last_missed_at) / 86400)::real as days_since_last_noshow,
    taught.replaced_60d::real as replacements_60d,
    -- tenure_risk
    known.tenure_days::real as tenure_days,
    (known.tenure_days < 30)::integer::real as is_new_tutor,
    taught_ever.sessions::real as lifetime_sessions,
    known.baseline::real as baseline_sessions_per_week,
    teaches.stem::integer::real as teaches_stem,
    teaches.test_prep::integer::real as teaches_test_prep,
    -- availability_reduction
    (offered.hours / 1000000)::real as availability_hours_latest,
    (offered.hours / nullif(offered_before.hours, 0) - 1)::real as availability_change_pct_4w,
    booked.sessions::real as upcoming_sessions_7d,
    (booked.sessions / nullif(taught.completed_30d / known.exposure_30d * 7, 0))::real as upcoming_vs_usual,
    taught.students_lost_30d::real as students_lost_30d
from known

cross join lateral (
    select
        bool_or(subject ~* '\m(stem|math|science|algebra|geometry|calculus|statistic|physics|chemistry|biology)') as stem,
        bool_or(subject ~* '\m(prep|test_prep|sat|act|gre|gmat)\M') as test_prep
    from unnest(known.subjects) as subject
) as teaches

-- Sessions of 90 days whose outcome was known.
cross join lateral (
    select
        count(*) filter (where completed and at > known.ago_7d) as completed_7d,
        count(*) filter (where completed and at > known.ago_14d) as completed_14d,
        count(*) filter (where completed and at > known.ago_30d) as completed_30d,
        count(*) filter (where completed) as completed_90d,
        max(at) filter (where completed) as last_completed_at,
        count(distinct day) filter (where completed and at > known.ago_14d) as active_days_14d,
        sum(engagement) filter (where at > known.ago_14d) as engagement_14d,
        count(engagement) filter (where at > known.ago_14d) as engaged_14d,
        sum(engagement) filter (where at <= known.ago_14d and at > known.ago_60d) as engagement_before,
        count(engagement) filter (where at <= known.ago_14d and at > known.ago_60d) as engaged_before,
        count(*) filter (where objectives_met and at > known.ago_30d) as objectives_met_30d,
        count(objectives_met) filter (where at > known.ago_30d) as objectives_30d,
        count(*) filter (where late and at > known.ago_30d) as late_30d,
        count(late) filter (where at > known.ago_30d) as started_30d,
        count(*) filter (where technical_issues and at > known.ago_30d) as technical_issues_30d,
        count(technical_issues) filter (where at > known.ago_30d) as technical_30d,
        count(*) filter (where completed and session_number = 1 and at > known.ago_30d) as first_sessions_30d,
        count(*) filter (where missed and at > known.ago_7d) as missed_7d,
        count(*) filter (where missed and at > known.ago_14d) as missed_14d,
        count(*) filter (where missed and at > known.ago_30d) as missed_30d,
        count(*) filter (where missed) as missed_90d,
        count(*) filter (
            where missed and extract(isodow from utc) = 1 and extract(hour from utc) < 12
        ) as missed_monday_morning_90d,
        max(at) filter (where missed) as last_missed_at,
        count(*) filter (where tutor_replaced and at > known.ago_60d) as replaced_60d,
        -- Whom the tutor saw in 60 days, less whom it saw in 30: seen before, and not since.
        count(distinct student_id) filter (where completed and at > known.ago_60d)
        - count(distinct student_id) filter (where completed and at > known.ago_30d) as students_lost_30d
    from (
        select
            sessions.scheduled_start as at,
            sessions.scheduled_start at time zone 'UTC' as utc,
            (sessions.scheduled_start at time zone 'UTC')::date as day,
            sessions.student_id,
            sessions.session_number,
            sessions.tutor_replaced,
            sessions.status = 'completed' as completed,
            sessions.status = 'tutor_no_show' as missed,
            case when sessions.status = 'completed' then sessions.objectives_met end as objectives_met,
            case when sessions.status = 'completed' then sessions.technical_issues end as technical_issues,
            case when sessions.status = 'completed' then sessions.late_start_minutes > 5 end as late,
            case
                when sessions.status = 'completed' then (sessions.engagement_score * 100000000)::integer
            end as engagement
        from sessions
        where
            sessions.tutor_id = known.tutor_id
            and sessions.scheduled_start > known.ago_90d
            and sessions.scheduled_start <= known.as_of
            and sessions.outcome_known_at <= known.as_of
            and sessions.scheduled_start between :oldest and :newest
        offset 0
    ) as session
) as taught

cross join lateral (
    select count(*) as sessions
    from sessions
    where
        sessions.tutor_id = known.tutor_id
        and sessions.status = 'completed'
        and sessions.scheduled_start <= known.as_of
        and sessions.outcome_known_at <= known.as_of
        and sessions.scheduled_start <= :newest
) as taught_ever

-- Sessions to come that were booked, and not known to be cancelled.
cross join lateral (
    select count(*) as sessions
    from sessions
    where
        sessions.tutor_id = known.tutor_id
        and sessions.scheduled_start > known.as_of
        and sessions.scheduled_start <= known.as_of + interval '168 hours'
        and sessions.booked_at <= known.as_of
        and (sessions.cancelled_at is null or sessions.cancelled_at > known.as_of)
        and sessions.scheduled_start between :oldest and :newest
) as booked

-- A first session failed if it was rated below 3, or is known to have begun more than ten minutes late.
cross join lateral (
    select
        sum(rating) filter (where at > known.ago_14d) as ratings_14d,
        count(*) filter (where at > known.ago_14d) as rated_14d,
        sum(rating) filter (where at > known.ago_30d) as ratings_30d,
        count(*) filter (where at > known.ago_30d) as rated_30d,
        sum(rating) filter (where at <= known.ago_30d) as ratings_before,
        count(*) filter (where at <= known.ago_30d) as rated_before,
        count(*) filter (where rating < 3 and at > known.ago_60d) as low_60d,
        count(*) filter (where at > known.ago_60d) as rated_60d,
        sum(rating) as ratings_90d,
        sum(rating * rating) as ratings_squared_90d,
        count(*) as rated_90d,
        sum(rating) filter (where first) as first_ratings_90d,
        count(*) filter (where first) as first_rated_90d,
        count(*) filter (where failed) as first_failed_90d,
        count(*) filter (where failed and at > known.ago_30d) as first_failed_30d,
        max(at) filter (where failed) as last_failed_at
    from (
        select
            student_feedback.submitted_at as at,
            student_feedback.rating::integer as rating,
            student_feedback.is_first_session as first,
            student_feedback.is_first_session and (
                student_feedback.rating < 3
                or exists (
                    select 1
                    from sessions
                    where
                        sessions.session_id = student_feedback.session_id
                        and sessions.scheduled_start = student_feedback.session_start
                        and sessions.late_start_minutes > 10
                        and sessions.outcome_known_at <= known.as_of
                        and sessions.scheduled_start > known.ago_90d
                        and sessions.scheduled_start <= known.as_of
                        and sessions.scheduled_start between :oldest and :newest
                )
            ) as failed
        from student_feedback
        where
            student_feedback.tutor_id = known.tutor_id
            and student_feedback.submitted_at > known.ago_90d
            and student_feedback.submitted_at <= known.as_of
            and student_feedback.ingested_at <= known.as_of
            and student_feedback.submitted_at between :oldest and :newest
        offset 0
    ) as feedback
) as rated

-- An event's number is taken in millionths, and one beyond a million (or not a number) as unknown.
cross join lateral (
    select
        count(*) filter (where kind = 'login' and at > known.ago_7d) as logins_7d,
        count(*) filter (where kind = 'login' and at > known.ago_30d) as logins_30d,
        max(at) filter (where kind = 'login') as last_login_at,
        percentile_cont(0.5) within group (
            order by minutes
        ) filter (where at > known.ago_14d) as response_p50_14d,
        percentile_cont(0.95) within group (
            order by minutes
        ) filter (where at > known.ago_30d) as response_p95_30d,
        sum(log_minutes) filter (where at > known.ago_7d) as response_logs_7d,
        count(log_minutes) filter (where at > known.ago_7d) as responses_7d,
        sum(log_minutes) filter (where at > known.ago_30d) as response_logs_30d,
        count(log_minutes) filter (where at > known.ago_30d) as responses_30d,
        count(*) filter (where moved and at > known.ago_7d) as moved_7d,
        count(*) filter (where moved and at > known.ago_14d) as moved_14d,
        count(*) filter (where moved and at > known.ago_30d) as moved_30d,
        count(*) filter (where moved and short_notice and at > known.ago_30d) as moved_late_30d,
        count(*) filter (where kind = 'reschedule' and not moved and at > known.ago_30d) as moved_by_students_30d,
        max(at) filter (where moved) as last_moved_at,
        count(*) filter (where kind = 'training_completed') as trainings_90d
    from (
        select
            tutor_events.event_time as at,
            tutor_events.event_type as kind,
            tutor_events.event_type = 'reschedule' and tutor_events.by_tutor as moved,
            tutor_events.value < 24 as short_notice,
            case
                when tutor_events.event_type = 'message_response' and tutor_events.value between 0 and 1000000
                    then (tutor_events.value * 1000000)::bigint
            end as minutes,
            case
                when tutor_events.event_type = 'message_response' and tutor_events.value between 0 and 1000000
                    then (ln(greatest(tutor_events.value, 0.5)) * 1000000)::bigint
            end as log_minutes
        from tutor_events
        where
            tutor_events.tutor_id = known.tutor_id
            and tutor_events.event_time > known.ago_90d
            and tutor_events.event_time <= known.as_of
            and tutor_events.ingested_at <= known.as_of
            and tutor_events.event_time between :oldest and :newest
        offset 0
    ) as event
) as acted

-- The hours a week last offered, and the mean of what was offered in the four weeks before.
left join lateral (
    select
        tutor_events.event_time as at,
        (tutor_events.value * 1000000)::bigint::float as hours
    from tutor_events
    where
        tutor_events.tutor_id = known.tutor_id
        and tutor_events.event_type = 'availability_change'
        and tutor_events.value between 0 and 1000000
        and tutor_events.event_time > known.ago_90d
        and tutor_events.event_time <= known.as_of
        and tutor_events.ingested_at <= known.as_of
        and tutor_events.event_time between :oldest and :newest
    order by tutor_events.event_time desc, tutor_events.event_id desc
    limit 1
) as offered on true
cross join lateral (
    select avg((tutor_events.value * 1000000)::bigint)::float as hours
    from tutor_events
    where
        tutor_events.tutor_id = known.tutor_id
        and tutor_events.event_type = 'availability_change'
        and tutor_events.value between 0 and 1000000
        and tutor_events.event_time > offered.at - interval '672 hours'
        and tutor_events.event_time < offered.at
        and tutor_events.ingested_at <= known.as_of
        and tutor_events.event_time between :oldest and :newest
) as offered_before

order by known.position

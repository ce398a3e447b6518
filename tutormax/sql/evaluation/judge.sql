-- judge: how did each tutor do over the 7, 30 and 90 days that end at one quarter hour?
-- Writes a row for each given pair of a tutor and a window end, and each of the three windows, where it differs from the
-- row before it; removes one that does not differ any more. A fact counts by when it happened, in
-- (window_end - window, window_end], whenever it became known. Whole days come from their sums, which must be there, the days
-- in which a window starts or ends from the facts. Who is not active is judged once more and then left alone.
-- The bounds of the given pairs, so that few partitions are met: for the four days in which windows start or end :starts_90,
-- :ends_90 and so on; :earliest and :latest are the first and the last window end.
merge into tutor_performance_metrics as stored
using (
    with spine as (
        select
            tutors.tutor_id,
            pairs.window_end,
            pairs.active,
            (pairs.window_end at time zone 'UTC')::date as today,
            pairs.window_end - interval '2160 hours' as start_90,
            pairs.window_end - interval '720 hours' as start_30,
            pairs.window_end - interval '168 hours' as start_7,
            extract(epoch from pairs.window_end - tutors.joined_at) / 86400 as tenure_days
        from unnest(
            cast(:tutor_ids as integer[]), cast(:window_ends as timestamptz[]), cast(:actives as boolean[])
        ) as pairs (tutor_id, window_end, active)
        inner join tutors on pairs.tutor_id = tutors.tutor_id
    ),

    -- Made once, so that facts are found by tutor and day together.
    edges as materialized (
        select
            spine.*,
            spine.today - back.days as day,
            (spine.today - back.days)::timestamp at time zone 'UTC' as starts_at
        from spine
        cross join (values (0), (7), (30), (90)) as back (days)
    ),

    -- In which of three pieces lies a fact: the newest 7 days, what the 30 days hold besides, and the 90?
    of_edges as (
        select
            edges.tutor_id,
            edges.window_end,
            edges.day,
            case
                when tutor_facts.happened_at > edges.start_7 then 7
                when tutor_facts.happened_at > edges.start_30 then 30
                else 90
            end as piece,
            tutor_facts.scheduled,
            tutor_facts.no_shows,
            tutor_facts.completed,
            tutor_facts.timed,
            tutor_facts.on_time,
            tutor_facts.objectives,
            tutor_facts.objectives_met,
            tutor_facts.engaged,
            tutor_facts.engagement,
            tutor_facts.ratings,
            tutor_facts.rating,
            tutor_facts.firsts,
            tutor_facts.good_firsts,
            tutor_facts.reschedules,
            tutor_facts.responses,
            tutor_facts.response_minutes,
            tutor_facts.logged_in
        from edges
        inner join tutor_facts
            on
                edges.tutor_id = tutor_facts.tutor_id
                -- The same twice: for a hash of many tutors, and for the index of a few.
                and edges.day = (tutor_facts.happened_at at time zone 'UTC')::date
                and edges.starts_at <= tutor_facts.happened_at
                and edges.starts_at + interval '24 hours' > tutor_facts.happened_at
                and edges.start_90 < tutor_facts.happened_at
                and edges.window_end >= tutor_facts.happened_at
        where
            tutor_facts.counts
            and (
                (tutor_facts.happened_at >= :starts_90 and tutor_facts.happened_at < :ends_90)
                or (tutor_facts.happened_at >= :starts_30 and tutor_facts.happened_at < :ends_30)
                or (tutor_facts.happened_at >= :starts_7 and tutor_facts.happened_at < :ends_7)
                or (tutor_facts.happened_at >= :starts_0 and tutor_facts.happened_at < :ends_0)
            )
    ),

    -- A day belongs to every window that holds its newest login, so each day is counted once.
    logins_of_edges as (
        select
            tutor_id,
            window_end,
            min(piece) as piece
        from of_edges
        where logged_in
        group by tutor_id, window_end, day
    ),

    -- One below the other, not joined: a join that is guessed too small would be a loop in a loop.
    pieces as (
        select
            spine.tutor_id,
            spine.window_end,
            tutor_windows.window_days as piece,
            tutor_windows.scheduled,
            tutor_windows.no_shows,
            tutor_windows.completed,
            tutor_windows.timed,
            tutor_windows.on_time,
            tutor_windows.objectives,
            tutor_windows.objectives_met,
            tutor_windows.engaged,
            tutor_windows.engagement,
            tutor_windows.ratings,
            tutor_windows.rating,
            tutor_windows.firsts,
            tutor_windows.good_firsts,
            tutor_windows.reschedules,
            tutor_windows.responses,
            tutor_windows.response_minutes,
            tutor_windows.login_days,
            null::boolean as active,
            null::numeric as tenure_days
        from spine
        inner join tutor_windows on spine.tutor_id = tutor_windows.tutor_id and spine.today = tutor_windows.ends_on

        union all

        select
            tutor_id,
            window_end,
            piece,
            scheduled,
            no_shows,
            completed,
            timed,
            on_time,
            objectives,
            objectives_met,
            engaged,
            engagement,
            ratings,
            rating,
            firsts,
            good_firsts,
            reschedules,
            responses,
            response_minutes,
            0 as login_days,
            null as active,
            null as tenure_days
        from of_edges

        union all

        select
            tutor_id,
            window_end,
            piece,
            0 as scheduled,
            0 as no_shows,
            0 as completed,
            0 as timed,
            0 as on_time,
            0 as objectives,
            0 as objectives_met,
            0 as engaged,
            0 as engagement,
            0 as ratings,
            0 as rating,
            0 as firsts,
            0 as good_firsts,
            0 as reschedules,
            0 as responses,
            0 as response_minutes,
            1 as login_days,
            null as active,
            null as tenure_days
        from logins_of_edges

        union all

        select
            spine.tutor_id,
            spine.window_end,
            lengths.window_days as piece,
            0 as scheduled,
            0 as no_shows,
            0 as completed,
            0 as timed,
            0 as on_time,
            0 as objectives,
            0 as objectives_met,
            0 as engaged,
            0 as engagement,
            0 as ratings,
            0 as rating,
            0 as firsts,
            0 as good_firsts,
            0 as reschedules,
            0 as responses,
            0 as response_minutes,
            0 as login_days,
            spine.active,
            spine.tenure_days
        from spine
        cross join (values (7), (30), (90)) as lengths (window_days)
    ),

    -- Counts of at most 90 days: as integers, so that nothing below is a decimal that need not be one.
    summed as (
        select
            tutor_id,
            window_end,
            piece,
            sum(scheduled)::integer as scheduled,
            sum(no_shows)::integer as no_shows,
            sum(completed)::integer as completed,
            sum(timed)::integer as timed,
            sum(on_time)::integer as on_time,
            sum(objectives)::integer as objectives,
            sum(objectives_met)::integer as objectives_met,
            sum(engaged)::integer as engaged,
            sum(engagement) as engagement,
            sum(ratings)::integer as ratings,
            sum(rating)::integer as rating,
            sum(firsts)::integer as firsts,
            sum(good_firsts)::integer as good_firsts,
            sum(reschedules)::integer as reschedules,
            sum(responses)::integer as responses,
            sum(response_minutes) as response_minutes,
            sum(login_days)::integer as login_days,
            bool_or(active) as active,
            max(tenure_days) as tenure_days
        from pieces
        group by tutor_id, window_end, piece
    ),

    -- A longer window holds what the shorter ones hold: running sums from 7 to 90 days.
    totals as (
        select
            tutor_id,
            window_end,
            piece as window_days,
            sum(scheduled) over through as scheduled,
            sum(no_shows) over through as no_shows,
            sum(completed) over through as completed,
            sum(timed) over through as timed,
            sum(on_time) over through as on_time,
            sum(objectives) over through as objectives,
            sum(objectives_met) over through as objectives_met,
            sum(engaged) over through as engaged,
            sum(engagement) over through as engagement,
            sum(ratings) over through as ratings,
            sum(rating) over through as rating,
            sum(firsts) over through as firsts,
            sum(good_firsts) over through as good_firsts,
            sum(reschedules) over through as reschedules,
            sum(responses) over through as responses,
            sum(response_minutes) over through as response_minutes,
            sum(login_days) over through as login_days,
            active,
            greatest(1, least(piece, tenure_days)) as exposed_days
        from summed
        window through as (partition by tutor_id, window_end order by piece)
    ),

    -- Each result is used several times and computed once.
    measured as materialized (
        select
            tutor_id,
            window_days,
            window_end,
            active,
            scheduled::integer as sessions_scheduled,
            completed::integer as sessions_completed,
            rating::float / nullif(ratings, 0) as average_rating,
            good_firsts::float / nullif(firsts, 0) as first_session_success_rate,
            reschedules::float / nullif(scheduled + reschedules, 0) as reschedule_rate,
            no_shows::integer as no_show_count,
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

    -- The rule of flags: six metrics, each green, red or, like an unknown one, neither.
    flagged as materialized (
        select
            *,
            num_nonnulls(
                nullif(average_rating >= 4.5, false),
                nullif(first_session_success_rate >= 0.85, false),
                nullif(reschedule_rate <= 0.10, false),
                nullif(no_show_rate = 0, false),
                nullif(engagement_score >= 0.80, false),
                nullif(learning_objectives_met_pct >= 90, false)
            )::smallint as green_flags,
            num_nonnulls(
                nullif(average_rating < 3.5, false),
                nullif(first_session_success_rate < 0.70, false),
                nullif(reschedule_rate > 0.15, false),
                nullif(no_show_rate > 0.05, false),
                nullif(engagement_score < 0.60, false),
                nullif(learning_objectives_met_pct < 80, false)
            )::smallint as red_flags
        from measured
    ),

    -- The rule of tiers; too little evidence is no tier.
    judged as (
        select
            *,
            case
                when sessions_scheduled < 5 then null
                when green_flags >= 5 and red_flags = 0 then 'exemplary'
                when red_flags >= 3 then 'at_risk'
                when red_flags >= 1 then 'needs_attention'
                when green_flags >= 3 then 'strong'
                else 'developing'
            end as tier
        from flagged
    ),

    pictures as materialized (
        select
            *,
            row(
                active,
                sessions_scheduled,
                sessions_completed,
                average_rating,
                first_session_success_rate,
                reschedule_rate,
                no_show_count,
                no_show_rate,
                engagement_score,
                learning_objectives_met_pct,
                response_time_average_minutes,
                green_flags,
                red_flags,
                tier
            ) as picture
        from judged
    ),

    in_order as (
        select
            *,
            lag(window_end) over along as judged_before,
            lag(picture) over along as picture_before
        from pictures
        window along as (partition by tutor_id, window_days order by window_end)
    ),

    -- The picture that holds until this one: judged now, too, or stored.
    compared as (
        select
            in_order.*,
            case
                when before.window_end is null or in_order.judged_before >= before.window_end then in_order.picture_before
                else before.picture
            end as held
        from in_order
        left join lateral (
            select
                stored.window_end,
                row(
                    stored.active,
                    stored.sessions_scheduled,
                    stored.sessions_completed,
                    stored.average_rating,
                    stored.first_session_success_rate,
                    stored.reschedule_rate,
                    stored.no_show_count,
                    stored.no_show_rate,
                    stored.engagement_score,
                    stored.learning_objectives_met_pct,
                    stored.response_time_average_minutes,
                    stored.green_flags,
                    stored.red_flags,
                    stored.tier
                ) as picture
            from tutor_performance_metrics as stored
            where
                stored.tutor_id = in_order.tutor_id
                and stored.window_days = in_order.window_days
                and stored.window_end < in_order.window_end
            order by stored.window_end desc
            limit 1
        ) as before on true
    )

    select
        *,
        -- Of whole rows, a null is as a null.
        not coalesce(held = picture, false) as differs
    from compared
    -- Sorted, so that all is known before the first row is written: who looks for the row before must not meet those that
    -- this very statement writes, which in a table that was empty would be all of them, each time. Plus nothing, so that
    -- the planner does not take the order for a reason to merge by one column of three, each row with everybody's.
    order by tutor_id + 0
) as compared
    on
        stored.tutor_id = compared.tutor_id
        and stored.window_days = compared.window_days
        and stored.window_end = compared.window_end
        and stored.window_end between :earliest and :latest
when matched and not compared.differs then delete
when matched and row(
    stored.active,
    stored.sessions_scheduled,
    stored.sessions_completed,
    stored.average_rating,
    stored.first_session_success_rate,
    stored.reschedule_rate,
    stored.no_show_count,
    stored.no_show_rate,
    stored.engagement_score,
    stored.learning_objectives_met_pct,
    stored.response_time_average_minutes,
    stored.green_flags,
    stored.red_flags,
    stored.tier
) is distinct from compared.picture then update set
    active = compared.active,
    sessions_scheduled = compared.sessions_scheduled,
    sessions_completed = compared.sessions_completed,
    average_rating = compared.average_rating,
    first_session_success_rate = compared.first_session_success_rate,
    reschedule_rate = compared.reschedule_rate,
    no_show_count = compared.no_show_count,
    no_show_rate = compared.no_show_rate,
    engagement_score = compared.engagement_score,
    learning_objectives_met_pct = compared.learning_objectives_met_pct,
    response_time_average_minutes = compared.response_time_average_minutes,
    green_flags = compared.green_flags,
    red_flags = compared.red_flags,
    tier = compared.tier,
    evaluated_at = clock_timestamp()
when not matched and compared.differs then insert (
    tutor_id,
    window_days,
    window_end,
    active,
    sessions_scheduled,
    sessions_completed,
    average_rating,
    first_session_success_rate,
    reschedule_rate,
    no_show_count,
    no_show_rate,
    engagement_score,
    learning_objectives_met_pct,
    response_time_average_minutes,
    green_flags,
    red_flags,
    tier
) values (
    compared.tutor_id,
    compared.window_days,
    compared.window_end,
    compared.active,
    compared.sessions_scheduled,
    compared.sessions_completed,
    compared.average_rating,
    compared.first_session_success_rate,
    compared.reschedule_rate,
    compared.no_show_count,
    compared.no_show_rate,
    compared.engagement_score,
    compared.learning_objectives_met_pct,
    compared.response_time_average_minutes,
    compared.green_flags,
    compared.red_flags,
    compared.tier
)

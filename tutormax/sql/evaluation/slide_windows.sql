-- slide_windows: what do the whole days add up to of the windows that end on some day, by what they did the day before?
-- Keeps up to three rows, as sum_up_windows does, for each given pair of a tutor and a day, none of which is kept, but those of the
-- day before are: each piece gains one day and loses another. :moved_days are all days gained or lost, so that few
-- partitions are met.
with ends as (
    select
        given.tutor_id,
        given.ends_on
    from unnest(cast(:tutor_ids as integer[]), cast(:days as date[])) as given (tutor_id, ends_on)
),

-- The newest 7 days, what the 30 days hold besides, and the 90: how far back is the day gained, and the one lost?
-- The days in which a window starts or ends belong to none of them.
moved as materialized (
    select
        ends.tutor_id,
        ends.ends_on,
        moves.window_days,
        moves.sign,
        ends.ends_on - moves.back as day
    from ends
    cross join (
        values (7, 1, 1), (7, 7, -1), (30, 8, 1), (30, 30, -1), (90, 31, 1), (90, 90, -1)
    ) as moves (window_days, back, sign)
),

pieces as (
    select
        ends.tutor_id,
        ends.ends_on,
        tutor_windows.window_days,
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
        tutor_windows.login_days
    from ends
    inner join tutor_windows on ends.tutor_id = tutor_windows.tutor_id and ends.ends_on - 1 = tutor_windows.ends_on

    union all

    select
        moved.tutor_id,
        moved.ends_on,
        moved.window_days,
        moved.sign * tutor_days.scheduled as scheduled,
        moved.sign * tutor_days.no_shows as no_shows,
        moved.sign * tutor_days.completed as completed,
        moved.sign * tutor_days.timed as timed,
        moved.sign * tutor_days.on_time as on_time,
        moved.sign * tutor_days.objectives as objectives,
        moved.sign * tutor_days.objectives_met as objectives_met,
        moved.sign * tutor_days.engaged as engaged,
        moved.sign * tutor_days.engagement as engagement,
        moved.sign * tutor_days.ratings as ratings,
        moved.sign * tutor_days.rating as rating,
        moved.sign * tutor_days.firsts as firsts,
        moved.sign * tutor_days.good_firsts as good_firsts,
        moved.sign * tutor_days.reschedules as reschedules,
        moved.sign * tutor_days.responses as responses,
        moved.sign * tutor_days.response_minutes as response_minutes,
        moved.sign * tutor_days.logged_in::integer as login_days
    from moved
    inner join tutor_days on moved.tutor_id = tutor_days.tutor_id and moved.day = tutor_days.day
    where tutor_days.day = any(cast(:moved_days as date[]))
)

insert into tutor_windows
select
    tutor_id,
    ends_on,
    window_days,
    sum(scheduled) as scheduled,
    sum(no_shows) as no_shows,
    sum(completed) as completed,
    sum(timed) as timed,
    sum(on_time) as on_time,
    sum(objectives) as objectives,
    sum(objectives_met) as objectives_met,
    sum(engaged) as engaged,
    sum(engagement) as engagement,
    sum(ratings) as ratings,
    sum(rating) as rating,
    sum(firsts) as firsts,
    sum(good_firsts) as good_firsts,
    sum(reschedules) as reschedules,
    sum(responses) as responses,
    sum(response_minutes) as response_minutes,
    sum(login_days) as login_days
from pieces
group by tutor_id, ends_on, window_days
order by tutor_id, ends_on, window_days

-- sum_up_windows: what do the whole days add up to of the windows that end on some day?
-- Keeps up to three rows for each given pair of a tutor and a day, all of them different, unless there are some: the newest 7
-- days, what the 30 days hold besides, and the 90. The days in which a window starts or ends are not whole, and not among
-- them. All whole days of all pairs lie between :first_day and :last_day, so that few partitions are met.
with ends as materialized (
    -- Found first: the planner, of days that it has seen nothing of yet, would read them all to find out that none is asked for.
    select
        given.tutor_id,
        given.ends_on
    from unnest(cast(:tutor_ids as integer[]), cast(:days as date[])) as given (tutor_id, ends_on)
    where not exists (
        select 1
        from tutor_windows
        where tutor_windows.tutor_id = given.tutor_id and tutor_windows.ends_on = given.ends_on
    )
)

insert into tutor_windows
select
    ends.tutor_id,
    ends.ends_on,
    case
        when tutor_days.day > ends.ends_on - 7 then 7
        when tutor_days.day > ends.ends_on - 30 then 30
        else 90
    end as window_days,
    sum(tutor_days.scheduled) as scheduled,
    sum(tutor_days.no_shows) as no_shows,
    sum(tutor_days.completed) as completed,
    sum(tutor_days.timed) as timed,
    sum(tutor_days.on_time) as on_time,
    sum(tutor_days.objectives) as objectives,
    sum(tutor_days.objectives_met) as objectives_met,
    sum(tutor_days.engaged) as engaged,
    sum(tutor_days.engagement) as engagement,
    sum(tutor_days.ratings) as ratings,
    sum(tutor_days.rating) as rating,
    sum(tutor_days.firsts) as firsts,
    sum(tutor_days.good_firsts) as good_firsts,
    sum(tutor_days.reschedules) as reschedules,
    sum(tutor_days.responses) as responses,
    sum(tutor_days.response_minutes) as response_minutes,
    count(*) filter (where tutor_days.logged_in) as login_days
from ends
inner join tutor_days
    on
        ends.tutor_id = tutor_days.tutor_id
        and ends.ends_on - 90 < tutor_days.day
        and ends.ends_on > tutor_days.day
        and tutor_days.day not in (ends.ends_on - 30, ends.ends_on - 7)
where
    tutor_days.day > :first_day
    and tutor_days.day < :last_day
group by ends.tutor_id, ends.ends_on, window_days
order by ends.tutor_id, ends.ends_on, window_days

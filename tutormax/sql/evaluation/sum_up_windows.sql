-- sum_up_windows: what do the whole days add up to of the windows that end on some day?
-- Keeps up to three rows for each given pair of a tutor and a day, none of which is kept: the newest 7 days, what the
-- 30 days hold besides, and the 90; a row of zeros for who did nothing. The days in which a window starts or ends are not
-- whole, and not among them. All whole days of all pairs lie between :first_day and :last_day, so that few partitions are met.
insert into tutor_windows
select
    ends.tutor_id,
    ends.ends_on,
    case
        when tutor_days.day > ends.ends_on - 7 then 7
        when tutor_days.day > ends.ends_on - 30 then 30
        else 90
    end as window_days,
    coalesce(sum(tutor_days.scheduled), 0) as scheduled,
    coalesce(sum(tutor_days.no_shows), 0) as no_shows,
    coalesce(sum(tutor_days.completed), 0) as completed,
    coalesce(sum(tutor_days.timed), 0) as timed,
    coalesce(sum(tutor_days.on_time), 0) as on_time,
    coalesce(sum(tutor_days.objectives), 0) as objectives,
    coalesce(sum(tutor_days.objectives_met), 0) as objectives_met,
    coalesce(sum(tutor_days.engaged), 0) as engaged,
    coalesce(sum(tutor_days.engagement), 0) as engagement,
    coalesce(sum(tutor_days.ratings), 0) as ratings,
    coalesce(sum(tutor_days.rating), 0) as rating,
    coalesce(sum(tutor_days.firsts), 0) as firsts,
    coalesce(sum(tutor_days.good_firsts), 0) as good_firsts,
    coalesce(sum(tutor_days.reschedules), 0) as reschedules,
    coalesce(sum(tutor_days.responses), 0) as responses,
    coalesce(sum(tutor_days.response_minutes), 0) as response_minutes,
    count(*) filter (where tutor_days.logged_in) as login_days
from unnest(cast(:tutor_ids as integer[]), cast(:days as date[])) as ends (tutor_id, ends_on)
left join tutor_days
    on
        ends.tutor_id = tutor_days.tutor_id
        and ends.ends_on - 90 < tutor_days.day
        and ends.ends_on > tutor_days.day
        and tutor_days.day not in (ends.ends_on - 30, ends.ends_on - 7)
        and tutor_days.day > :first_day
        and tutor_days.day < :last_day
group by ends.tutor_id, ends.ends_on, window_days
order by ends.tutor_id, ends.ends_on, window_days

-- When were the tutors judged at one quarter hour last judged before it?
-- One row: the middle one of those window ends, so that a few tutors who were judged by hand since then do not hide what
-- arrived for all the others; null if none was ever judged before.
select percentile_disc(0.5) within group (order by previous.window_end) as window_end
from tutor_performance_metrics as latest
cross join lateral (
    select stored.window_end
    from tutor_performance_metrics as stored
    where
        stored.tutor_id = latest.tutor_id
        and stored.window_days = 90
        and stored.window_end < latest.window_end
    order by stored.window_end desc
    limit 1
) as previous
where
    latest.window_days = 90
    and latest.window_end = :window_end

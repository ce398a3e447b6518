-- Whose 30-day tier is lower at one quarter hour than it was before?
-- One row for each given tutor who has fallen since the last judgement before; no tier is neither high nor low.
select latest.tutor_id
from tutor_performance_metrics as latest
cross join lateral (
    select stored.tier
    from tutor_performance_metrics as stored
    where
        stored.tutor_id = latest.tutor_id
        and stored.window_days = 30
        and stored.window_end < latest.window_end
    order by stored.window_end desc
    limit 1
) as previous
where
    latest.tutor_id = any(cast(:tutor_ids as integer[]))
    and latest.window_days = 30
    and latest.window_end = :window_end
    and array_position(cast(:best_first as text[]), latest.tier)
    > array_position(cast(:best_first as text[]), previous.tier)
order by latest.tutor_id

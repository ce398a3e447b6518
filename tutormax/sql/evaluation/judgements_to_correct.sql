-- judgements_to_correct: which judgements may not have counted a fact that was touched?
-- One row for each tutor noted as touched and each quarter hour at which the tutor was judged and whose windows hold such a
-- fact; the first :most.
select
    touched_tutors.tutor_id,
    quarter_hours.window_end,
    shown.active
from touched_tutors
cross join lateral (
    select evaluations.window_end
    from evaluations
    where
        evaluations.window_end >= touched_tutors.earliest
        and evaluations.window_end < touched_tutors.latest + interval '2160 hours'

    union distinct

    select metrics.window_end
    from (values (7), (30), (90)) as lengths (window_days)
    cross join lateral (
        select stored.window_end
        from tutor_performance_metrics as stored
        where
            stored.tutor_id = touched_tutors.tutor_id
            and stored.window_days = lengths.window_days
            and stored.window_end >= touched_tutors.earliest
            and stored.window_end < touched_tutors.latest + interval '2160 hours'
        -- By itself for each length, and so by the index of a tutor's rows: that of window ends holds everybody's.
        offset 0 -- noqa: AM09
    ) as metrics
) as quarter_hours
cross join lateral (
    select
        metrics.active,
        metrics.window_end
    from tutor_performance_metrics as metrics
    where
        metrics.tutor_id = touched_tutors.tutor_id
        and metrics.window_days = 30
        and metrics.window_end <= quarter_hours.window_end
    order by metrics.window_end desc
    limit 1
) as shown
where
    (shown.active or shown.window_end = quarter_hours.window_end)
    and quarter_hours.window_end is distinct from touched_tutors.counted_at
order by touched_tutors.tutor_id, quarter_hours.window_end
limit :most

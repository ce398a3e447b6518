-- judgements_after: what would no longer hold if some judgements changed?
-- One row for each given pair of a tutor and a window end that is followed by another evaluation: that one, and whether
-- the tutor was active then. A judgement holds until the next one that differs, so the next one is passed again, too.
with pairs as (
    select *
    from unnest(cast(:tutor_ids as integer[]), cast(:window_ends as timestamptz[])) as given (tutor_id, window_end)
),

followed as (
    select distinct
        pairs.tutor_id,
        (
            select min(evaluations.window_end)
            from evaluations
            where evaluations.window_end > pairs.window_end
        ) as window_end
    from pairs
)

select
    followed.tutor_id,
    followed.window_end,
    coalesce(shown.active, false) as active
from followed
left join lateral (
    select metrics.active
    from tutor_performance_metrics as metrics
    where
        metrics.tutor_id = followed.tutor_id
        and metrics.window_days = 30
        and metrics.window_end <= followed.window_end
    order by metrics.window_end desc
    limit 1
) as shown on true
where followed.window_end is not null

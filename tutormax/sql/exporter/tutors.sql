-- tutors: how many active tutors are in which tier and at which risk?
-- One row for each combination that occurs among the tutors judged within an hour of the newest judgement; null: none.
with newest as (
    select max(window_end) as window_end
    from tutor_performance_metrics
),

judged as (
    select distinct on (metrics.tutor_id)
        metrics.tutor_id,
        metrics.tier
    from tutor_performance_metrics as metrics
    inner join newest on metrics.window_end > newest.window_end - interval '1 hour'
    where metrics.window_days = 30
    order by metrics.tutor_id asc, metrics.window_end desc
)

select
    judged.tier,
    scored.risk_level,
    count(*) as tutors
from judged
left join lateral (
    select churn_predictions.risk_level
    from churn_predictions
    where churn_predictions.tutor_id = judged.tutor_id
    order by churn_predictions.as_of desc, churn_predictions.scored_at desc
    limit 1
) as scored on true
group by judged.tier, scored.risk_level

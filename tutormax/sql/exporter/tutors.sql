-- tutors: how many active tutors are in which tier and at which risk?
-- One row for each combination that occurs; null: none.
select
    judged.tier,
    scored.risk_level,
    count(*) as tutors
from tutors
cross join lateral (
    select
        metrics.tier,
        metrics.active
    from tutor_performance_metrics as metrics
    where metrics.tutor_id = tutors.tutor_id and metrics.window_days = 30
    order by metrics.window_end desc
    limit 1
) as judged
left join lateral (
    select churn_predictions.risk_level
    from churn_predictions
    where churn_predictions.tutor_id = tutors.tutor_id
    order by churn_predictions.as_of desc, churn_predictions.scored_at desc
    limit 1
) as scored on true
where judged.active
group by judged.tier, scored.risk_level

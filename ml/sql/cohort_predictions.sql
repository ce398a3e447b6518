-- What was said of each tutor at the beginning of each week, and what came of it?
-- One row for each tutor, week (from Monday, UTC) and kind of scorer since :since: the first prediction in the week.
select distinct on (predictions.tutor_id, week, scorer)
    case when organizations.synthetic then 'synthetic' else 'customer' end as population,
    case when predictions.model_id = 'rule' then 'rule' else 'model' end as scorer,
    date_trunc('week', predictions.as_of, 'UTC') as week,
    predictions.p1,
    predictions.p7,
    predictions.p30,
    predictions.p90,
    predictions.outcome_1,
    predictions.outcome_7,
    predictions.outcome_30,
    predictions.outcome_90
from churn_predictions as predictions
inner join tutors on predictions.tutor_id = tutors.tutor_id
inner join organizations on tutors.organization_id = organizations.organization_id
where
    predictions.as_of >= :since
    and predictions.outcome_1 is not null
order by predictions.tutor_id, week, scorer, predictions.as_of, predictions.scored_at

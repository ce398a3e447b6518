-- What was said of each tutor at the beginning of each week, and what came of it?
-- One row for each tutor, week (from Monday, UTC) and scorer since :since: the scorer's first prediction in the week.
-- Scorers are the rule, all models of a population together (model), and each of them by its name.
select distinct on (predictions.tutor_id, week, scorers.scorer)
    case when organizations.synthetic then 'synthetic' else 'customer' end as population,
    scorers.scorer,
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
cross join lateral unnest(
    case when predictions.model_id = 'rule' then array['rule'] else array['model', predictions.model_id] end
) as scorers (scorer)
where
    predictions.as_of >= :since
    and predictions.outcome_1 is not null
order by predictions.tutor_id, week, scorers.scorer, predictions.as_of, predictions.scored_at

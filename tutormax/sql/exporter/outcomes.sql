-- outcomes: how well did the probabilities of a whole week rank those who left since?
-- One row for each population: its newest week of which every outcome is known.
select distinct on (population)
    population,
    auc
from prediction_cohorts
where scorer = 'model' and horizon_days = 30 and complete
order by population asc, week desc

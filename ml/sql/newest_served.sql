-- What did models make of each tutor last, and from which features?
-- One row for each tutor scored by a model in (:after, :until]: the newest prediction.
select distinct on (predictions.tutor_id)
    predictions.model_id,
    predictions.p30,
    snapshots.features
from churn_predictions as predictions
inner join feature_snapshots as snapshots
    on
        predictions.tutor_id = snapshots.tutor_id
        and predictions.as_of = snapshots.as_of
        and snapshots.feature_version = :feature_version
where
    predictions.as_of > :after
    and predictions.as_of <= :until
    and predictions.model_id <> 'rule'
order by predictions.tutor_id asc, predictions.as_of desc, predictions.scored_at desc

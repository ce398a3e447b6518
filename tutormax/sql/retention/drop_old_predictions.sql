-- drop_old_predictions: which scores are as old as facts that are gone?
-- Removes them; what became of their nights stays in prediction_cohorts.
delete from churn_predictions
where as_of < :oldest

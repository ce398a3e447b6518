-- Who of those scored has left within each horizon? Written beside the prediction.
-- One row for each prediction since :since whose tutor was in a spell of teaching; null while it is too early to tell.
with spells as (
    select
        tutor_id,
        opened_at,
        churn_at
    from unnest(
        cast(:tutor_ids as integer[]), cast(:opened as timestamptz[]), cast(:churned as timestamptz[])
    ) as given (tutor_id, opened_at, churn_at)
),

told as (
    select
        predictions.tutor_id,
        predictions.as_of,
        predictions.model_id,
        case
            when predictions.as_of <= :mature_1 then spells.churn_at <= predictions.as_of + interval '24 hours'
        end as outcome_1,
        case
            when predictions.as_of <= :mature_7 then spells.churn_at <= predictions.as_of + interval '168 hours'
        end as outcome_7,
        case
            when predictions.as_of <= :mature_30 then spells.churn_at <= predictions.as_of + interval '720 hours'
        end as outcome_30,
        case
            when predictions.as_of <= :mature_90 then spells.churn_at <= predictions.as_of + interval '2160 hours'
        end as outcome_90
    from churn_predictions as predictions
    inner join spells
        on
            predictions.tutor_id = spells.tutor_id
            and predictions.as_of >= spells.opened_at
            and predictions.as_of < spells.churn_at
    where
        predictions.as_of >= :since
        and predictions.as_of <= :mature_1
)

update churn_predictions
set
    outcome_1 = told.outcome_1,
    outcome_7 = told.outcome_7,
    outcome_30 = told.outcome_30,
    outcome_90 = told.outcome_90
from told
where
    churn_predictions.tutor_id = told.tutor_id
    and churn_predictions.as_of = told.as_of
    and churn_predictions.model_id = told.model_id
    and (
        churn_predictions.outcome_1,
        churn_predictions.outcome_7,
        churn_predictions.outcome_30,
        churn_predictions.outcome_90
    ) is distinct from (told.outcome_1, told.outcome_7, told.outcome_30, told.outcome_90)

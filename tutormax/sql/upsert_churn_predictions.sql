-- Keep the churn predictions of some tutors, all as of one instant, each under the name of what made it.
-- One row for each tutor, its reasons one line; the same tutor, instant and model again replaces its row.
insert into churn_predictions (
    tutor_id,
    as_of,
    model_id,
    p1,
    p7,
    p30,
    p90,
    churn_score,
    risk_level,
    churn_predicted,
    reasons,
    trigger
)
select
    scored.tutor_id,
    :as_of,
    :model_id,
    scored.p1,
    scored.p7,
    scored.p30,
    scored.p90,
    scored.churn_score,
    scored.risk_level,
    scored.p30 > :threshold as churn_predicted,
    scored.reasons::jsonb,
    :trigger
from unnest(
    cast(:tutor_ids as integer[]),
    cast(:p1 as float[]),
    cast(:p7 as float[]),
    cast(:p30 as float[]),
    cast(:p90 as float[]),
    cast(:churn_scores as smallint[]),
    cast(:risk_levels as text[]),
    string_to_array(cast(:reasons as text), chr(10))
) as scored (tutor_id, p1, p7, p30, p90, churn_score, risk_level, reasons)
on conflict (tutor_id, as_of, model_id) do update
set
    p1 = excluded.p1,
    p7 = excluded.p7,
    p30 = excluded.p30,
    p90 = excluded.p90,
    churn_score = excluded.churn_score,
    risk_level = excluded.risk_level,
    churn_predicted = excluded.churn_predicted,
    reasons = excluded.reasons,
    trigger = excluded.trigger,
    scored_at = excluded.scored_at

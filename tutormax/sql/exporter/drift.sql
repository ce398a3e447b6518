-- drift: how far has what is scored now moved from what its model was validated on?
-- One row for each population and subject of its newest measurement: the score, and the features that moved furthest.
-- By population and not by who serves now: whatever scored the night is measured, also when another took over since.
-- A measurement is of its night: one that no other has followed within a day and a half says nothing of today.
with newest as (
    select
        models.population,
        max(prediction_drift.measured_at) as measured_at
    from prediction_drift
    inner join models on prediction_drift.model_id = models.model_id
    where prediction_drift.measured_at > clock_timestamp() - interval '36 hours'
    group by models.population
),

measured as (
    select
        newest.population,
        prediction_drift.subject,
        max(prediction_drift.psi) as psi
    from newest
    inner join models on newest.population = models.population
    inner join prediction_drift
        on models.model_id = prediction_drift.model_id and newest.measured_at = prediction_drift.measured_at
    group by newest.population, prediction_drift.subject
),

ranked as (
    select
        population,
        subject,
        psi,
        row_number() over (partition by population, subject = 'score' order by psi desc, subject asc) as place
    from measured
)

select
    population,
    subject,
    psi
from ranked
where place <= :most
order by population asc, psi desc

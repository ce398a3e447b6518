-- models needed: whose files must be there?
-- One row for each champion, and for the model that a roll-back would bring back.
with champions as (
    select
        population,
        trained_at
    from models
    where status = 'champion'
)

select
    models.model_id,
    models.population,
    models.status,
    models.manifest_sha256
from models
inner join champions on models.population = champions.population
where
    models.status = 'champion'
    or models.model_id = (
        select earlier.model_id
        from models as earlier
        where
            earlier.population = models.population
            and earlier.status = 'retired'
            and earlier.trained_at < champions.trained_at
        order by earlier.trained_at desc
        limit 1
    )
order by models.model_id

-- models: which model serves each population, and how good is it on weeks that it had not seen?
-- One row for each champion.
select
    population,
    model_id,
    extract(epoch from trained_at)::float as trained_at,
    (metrics #>> '{horizons,30,quality,challenger,auc}')::float as auc,
    (metrics #>> '{horizons,30,quality,challenger,brier}')::float as brier
from models
where status = 'champion'

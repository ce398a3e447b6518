-- Which of a spine's training vectors are kept already?
-- One row for each that is, at its position.
select
    spine.position,
    feature_snapshots.features
from unnest(cast(:tutor_ids as integer[]), cast(:instants as timestamptz[]))
with ordinality as spine (tutor_id, as_of, position)
inner join feature_snapshots
    on
        spine.tutor_id = feature_snapshots.tutor_id
        and spine.as_of = feature_snapshots.as_of
where
    feature_snapshots.feature_version = :feature_version
    and feature_snapshots.purpose = 'training'
order by spine.position

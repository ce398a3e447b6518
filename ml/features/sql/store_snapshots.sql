-- Keep feature vectors, one a line, under tutor, instant and version; what is kept already stays as it is, but for a
-- served vector: its score is replaced, too, when it is served again.
insert into feature_snapshots (tutor_id, as_of, feature_version, features, purpose)
select
    vectors.tutor_id,
    vectors.as_of,
    :feature_version,
    cast(vectors.features as real[]) as features,
    :purpose
from unnest(
    cast(:tutor_ids as integer[]), cast(:instants as timestamptz[]), string_to_array(cast(:features as text), chr(10))
) as vectors (tutor_id, as_of, features)
on conflict (tutor_id, as_of, feature_version) do update
set
    features = excluded.features,
    created_at = excluded.created_at
where
    feature_snapshots.purpose = 'serving'
    and excluded.purpose = 'serving'
    and feature_snapshots.features is distinct from excluded.features

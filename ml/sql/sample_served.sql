-- Which served feature vectors are computed again?
-- At most :most rows served in (:after, :until], as good as drawn at random, and the same ones when asked again.
select
    tutor_id,
    as_of,
    features
from feature_snapshots
where
    as_of > :after
    and as_of <= :until
    and feature_version = :feature_version
    and purpose = 'serving'
order by md5(tutor_id || ' ' || extract(epoch from as_of)), tutor_id, as_of
limit :most

-- drop_served_features: which feature vectors were only served?
-- Removes those of events and of the day's runs once they are old; those of the nightly run stay, for audit.
delete from feature_snapshots
where
    purpose = 'serving'
    and as_of < :served_from
    and (as_of at time zone cast(:timezone as text))::time <> '00:00'

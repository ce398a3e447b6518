-- drop_features: which feature vectors does nobody ask for any more?
-- Removes those that were only served, of events and of the day's runs, once they are old; those of the nightly run stay,
-- for audit, and those of training, as long as the facts that they were made of.
delete from feature_snapshots
where
    as_of < :oldest
    or (
        purpose = 'serving'
        and as_of < :served_from
        and (as_of at time zone cast(:timezone as text))::time <> '00:00'
    )

-- thin_performance_metrics: which judgements does nobody need any more?
-- Removes those of quarter hours that have passed, but for the one at midnight UTC, and all that are too old.
delete from tutor_performance_metrics
where
    window_end < :oldest
    or (window_end < :quarter_hours_from and (window_end at time zone 'UTC')::time <> '00:00')

-- thin_evaluations: which quarter hours does nobody ask about any more?
-- Removes those that have passed, but for the one at midnight UTC, and all that are too old.
delete from evaluations
where
    window_end < :oldest
    or (window_end < :quarter_hours_from and (window_end at time zone 'UTC')::time <> '00:00')

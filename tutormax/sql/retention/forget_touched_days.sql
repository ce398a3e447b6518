-- forget_touched_days: which marks are of days whose months go?
-- Removes those before :first_kept; whatever touched them goes, too.
delete from touched_days
where day < :first_kept

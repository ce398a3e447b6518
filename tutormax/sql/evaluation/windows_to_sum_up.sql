-- windows_to_sum_up: of which given pairs of a tutor and a day is it not kept what the windows that end then add up to?
-- Says of each whether that is kept of the day before.
-- Asked for first: the planner, of sums that it has to look for itself, would read all days in case none is there.
select
    given.tutor_id,
    given.ends_on,
    exists(
        select 1
        from tutor_windows as yesterdays
        where yesterdays.tutor_id = given.tutor_id and yesterdays.ends_on = given.ends_on - 1
    ) as slides
from unnest(cast(:tutor_ids as integer[]), cast(:days as date[])) as given (tutor_id, ends_on)
where not exists (
    select 1
    from tutor_windows
    where tutor_windows.tutor_id = given.tutor_id and tutor_windows.ends_on = given.ends_on
)

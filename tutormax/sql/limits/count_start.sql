-- count_start: when may the start after this one be, where starts are evenly spaced?
-- One row. What was not used up to now is not saved.
insert into paces (name, free_at)
values (:name, clock_timestamp() + make_interval(secs => :interval_seconds))
on conflict (name) do update set
    free_at = greatest(paces.free_at, clock_timestamp()) + make_interval(secs => :interval_seconds)
returning free_at

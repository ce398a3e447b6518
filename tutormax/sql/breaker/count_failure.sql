-- count_failure: is that one failure too many?
-- One row. A probe that fails begins the rest anew; a call that was under way when others failed does not.
insert into breakers (name, failures, error, failed_at)
values (:name, 1, :error, clock_timestamp())
on conflict (name) do update set
    failures = breakers.failures + 1,
    error = excluded.error,
    failed_at = excluded.failed_at,
    opened_at = case
        when :probing or (breakers.opened_at is null and breakers.failures + 1 >= :most) then clock_timestamp()
        else breakers.opened_at
    end,
    probe_until = case when not :probing then breakers.probe_until end
returning failures, opened_at is not null as is_open

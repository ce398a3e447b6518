-- admit_call: may whatever this breaker guards be called, and is the call the one that finds out whether it is back?
-- One row, or none while nothing has failed. Of all processes one is let through, until its time for an answer is over.
with probing as (
    update breakers set
        probe_until = clock_timestamp() + make_interval(secs => :probe_seconds)
    where
        name = :name
        and opened_at <= clock_timestamp() - make_interval(secs => :rest_seconds)
        and (probe_until is null or probe_until < clock_timestamp())
    returning name
)

select
    failures,
    error,
    opened_at is not null as is_open,
    (select count(*) from probing) > 0 as probing,
    greatest(0, extract(epoch from opened_at - clock_timestamp()) + :rest_seconds)::float as rests_for_seconds
from breakers
where name = :name

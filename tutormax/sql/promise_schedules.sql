-- promise_schedules: when is each schedule due next, and by when must it have succeeded?
-- Writes the rows that say something else, or that nobody has said for a while; another daemon's at this very moment
-- are left to it.
with given as (
    select
        name,
        actor,
        next_slot,
        deadline_at
    from unnest(
        cast(:names as text[]),
        cast(:actors as text[]),
        cast(:next_slots as timestamptz[]),
        cast(:deadlines as timestamptz[])
    ) as given (name, actor, next_slot, deadline_at)
),

free as (
    select schedules.name
    from schedules
    inner join given on schedules.name = given.name
    where
        schedules.served_at is null
        or schedules.served_at < clock_timestamp() - interval '10 seconds'
        or (schedules.actor, schedules.next_slot, schedules.deadline_at)
        is distinct from (given.actor, given.next_slot, given.deadline_at)
    for update of schedules skip locked
)

update schedules set
    actor = given.actor,
    next_slot = given.next_slot,
    deadline_at = given.deadline_at,
    served_at = clock_timestamp()
from free
inner join given on free.name = given.name
where schedules.name = free.name

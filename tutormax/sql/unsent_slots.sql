-- unsent_slots: which of these slots are still to be sent?
-- One row for each; none for a slot that was sent, that its schedule is too young for, or whose schedule is paused.
with newest as (
    select
        name,
        slot
    from unnest(cast(:names as text[]), cast(:slots as timestamptz[])) as newest (name, slot)
)

select newest.name
from newest
inner join schedules on newest.name = schedules.name
where
    schedules.paused_at is null
    and schedules.registered_at <= newest.slot
    and not exists (
        select true from schedule_slots
        where schedule_slots.name = newest.name and schedule_slots.slot = newest.slot
    )

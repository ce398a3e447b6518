-- claim_slot: is this slot ours to send?
-- One row, or none: another daemon has it, or the schedule was paused meanwhile. Whoever is second waits for the first.
insert into schedule_slots (name, slot, job_id)
select
    name,
    :slot,
    :job_id
from schedules
where name = :name and paused_at is null
on conflict (name, slot) do nothing
returning slot

-- drop_old_slots: which slots does no schedule need to know what it has sent?
-- Removes old ones, but for the newest of each schedule.
delete from schedule_slots
where
    slot < :slots_from
    and exists (
        select true from schedule_slots as newer
        where newer.name = schedule_slots.name and newer.slot > schedule_slots.slot
    )

-- pause_schedule: does the schedule send from now on, or not?
-- One row, or none for an unknown name. Resumed, it begins anew: what was due in between is not made up for.
update schedules set
    paused_at = case when :paused then coalesce(paused_at, :now) end,
    registered_at = case when paused_at is not null and not :paused then :now else registered_at end
where name = :name
returning name

-- register_schedules: since when does each schedule exist?
-- Writes one row for each name that is new; what was due before it is nobody's debt.
insert into schedules (name, registered_at)
select
    name,
    :now
from unnest(cast(:names as text[])) as name
on conflict (name) do nothing

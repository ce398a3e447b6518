-- lock_limits: who else is just now looking whether something may start?
-- One row for each limit, its lock held until the transaction ends; always in the order of the names.
select pg_advisory_xact_lock(hashtextextended(name, 0))
from unnest(cast(:names as text[])) as limits (name)

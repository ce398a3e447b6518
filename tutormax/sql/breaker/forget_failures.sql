-- forget_failures: has it come back?
-- One row if so. A call that had begun before the breaker opened does not close it.
update breakers set
    failures = 0,
    opened_at = null,
    probe_until = null
where
    name = :name
    and (:probing or opened_at is null)
returning name

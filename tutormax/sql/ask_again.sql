-- ask_again: what was asked for while these jobs ran, and shall live on now that they have ended?
-- One row for each of them that was asked for again: a job of its own.
insert into jobs (
    organization_id, actor, queue, priority, args, dedupe_key, slot, expires_at, trace_context, requested_by
)
select
    organization_id,
    actor,
    queue,
    priority,
    args,
    dedupe_key,
    slot,
    expires_at,
    trace_context,
    requested_by
from jobs
where job_id = any(cast(:job_ids as uuid[])) and again

-- insert_jobs: which jobs are now in the ledger for these requests?
-- One row for each request without a key and for each key, new or already there; due: a doorbell makes sense now.
with requested as (
    select distinct on (request.actor, coalesce(request.key, request.job_id::text))
        request.*,
        -- Whose work it is shows in the tutor that it is about.
        (
            select tutors.organization_id
            from tutors
            where
                tutors.tutor_id = case
                    when request.args @@ 'strict $.tutor_id > 0 && $.tutor_id < 2147483648'
                        then cast(cast(request.args ->> 'tutor_id' as numeric) as integer)
                end
        ) as organization_of_tutor
    from jsonb_to_recordset(cast(:requests as jsonb)) as request (
        job_id uuid,
        organization_id integer,
        actor text,
        queue text,
        priority smallint,
        args jsonb,
        key text,
        slot timestamptz,
        run_at timestamptz,
        expires_at timestamptz,
        trace_context text,
        requested_by text
    )
    order by request.actor asc, coalesce(request.key, request.job_id::text) asc, request.run_at asc nulls first
),

inserted as (
    insert into jobs (
        job_id, organization_id, actor, queue, priority, args, dedupe_key, slot, available_at, expires_at,
        trace_context, requested_by
    )
    select
        job_id,
        coalesce(organization_id, organization_of_tutor) as organization_id,
        actor,
        queue,
        priority,
        args,
        key,
        coalesce(slot, run_at, clock_timestamp()) as slot,
        coalesce(run_at, clock_timestamp()) as available_at,
        expires_at,
        coalesce(trace_context, :trace_context) as trace_context,
        requested_by
    from requested
    on conflict (actor, dedupe_key) where dedupe_key is not null and state in ('pending', 'running')
    do update set
        again = jobs.state = 'running',
        available_at = least(jobs.available_at, excluded.available_at),
        -- Who wants it the longest decides; for ever is longest.
        expires_at = nullif(
            greatest(coalesce(jobs.expires_at, 'infinity'), coalesce(excluded.expires_at, 'infinity')), 'infinity'
        ),
        priority = greatest(jobs.priority, excluded.priority)
    -- The row is locked even where nothing is written, so it cannot be taken before this transaction has ended.
    where
        (jobs.state = 'running' and not jobs.again)
        or jobs.available_at > excluded.available_at
        or jobs.priority < excluded.priority
        or jobs.expires_at < coalesce(excluded.expires_at, 'infinity')
    returning job_id, actor, queue, priority, dedupe_key, state, available_at
)

select
    job_id,
    actor,
    queue,
    priority,
    dedupe_key,
    state = 'pending' and available_at <= clock_timestamp() as due
from inserted

union all

select
    there.job_id,
    there.actor,
    there.queue,
    there.priority,
    there.dedupe_key,
    false as due
from requested
inner join jobs as there
    on
        requested.actor = there.actor
        and requested.key = there.dedupe_key
        and there.state in ('pending', 'running')
where not exists (
    select true from inserted
    where inserted.actor = requested.actor and inserted.dedupe_key = requested.key
)

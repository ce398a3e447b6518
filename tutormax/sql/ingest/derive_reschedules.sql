-- derive_reschedules: whose reschedules do the flags of the staged sessions add, move or take back?
-- One row of counts, with the tutors to be scored again and the instant from which the flags say otherwise what was known.
-- A session flagged as rescheduled by its tutor is an event of the tutor, so that whoever counts
-- reschedules reads one place. Its time is the session's start: the only time that such a file gives.
with named as (
    select
        organization_id,
        tutor_id,
        scheduled_start,
        known_at,
        tutor_rescheduled,
        'tutormax:reschedule:' || session_id as external_id
    from staged
    where tutor_rescheduled is not null
),

compared as (
    select
        named.organization_id,
        named.external_id,
        named.tutor_rescheduled,
        tutors.tutor_id,
        named.scheduled_start as event_time,
        greatest(named.known_at, named.scheduled_start) as ingested_at,
        greatest(named.known_at, least(named.scheduled_start, there.event_time)) as told_from,
        there.event_id,
        there.event_time as former_time,
        there.tutor_id as former_tutor
    from named
    left join tutor_events as there
        on named.organization_id = there.organization_id and named.external_id = there.external_id
    inner join tutors
        on named.organization_id = tutors.organization_id and named.tutor_id = tutors.external_id
    where named.tutor_rescheduled or there.event_id is not null
),

removed as (
    delete from tutor_events using compared
    where
        tutor_events.organization_id = compared.organization_id
        and tutor_events.external_id = compared.external_id
        and tutor_events.event_id = compared.event_id
        and tutor_events.event_time = compared.former_time
        and not compared.tutor_rescheduled
    returning
        compared.former_tutor as tutor_id,
        compared.told_from
),

changed as (
    update tutor_events set
        tutor_id = compared.tutor_id,
        event_time = compared.event_time,
        ingested_at = compared.ingested_at
    from compared
    where
        tutor_events.organization_id = compared.organization_id
        and tutor_events.external_id = compared.external_id
        and tutor_events.event_id = compared.event_id
        and tutor_events.event_time = compared.former_time
        and compared.tutor_rescheduled
        and (tutor_events.tutor_id, tutor_events.event_time) <> (compared.tutor_id, compared.event_time)
    returning
        compared.tutor_id,
        compared.told_from
),

added as (
    insert into tutor_events (organization_id, external_id, tutor_id, event_type, event_time, by_tutor, ingested_at)
    select
        organization_id,
        external_id,
        tutor_id,
        'reschedule' as event_type,
        event_time,
        true as by_tutor,
        ingested_at
    from compared
    where tutor_rescheduled and event_id is null
    order by event_time
    returning tutor_id
),

touched as (
    select
        tutor_id,
        told_from
    from removed
    union all
    select
        tutor_id,
        told_from
    from changed
    union all
    select
        tutor_id,
        told_from
    from compared
    where tutor_rescheduled and event_id is null
)

select
    (select count(*) from added) as inserted,
    coalesce(array_agg(distinct tutor_id), '{}') as rescored,
    min(told_from) as told_from
from touched

-- upsert_events: how many of the staged events are new, changed, and as they were; whose picture do they change?
-- One row of counts, with the tutors to be scored again: those with a reschedule or fewer hours than before.
-- Where nothing is known yet (not :any_known), there is nothing to compare with, and the planner sees that.
with told as (
    select
        staged.organization_id,
        staged.event_id as external_id,
        tutors.tutor_id,
        staged.event_type,
        staged.event_time,
        staged.by_tutor,
        coalesce(
            case staged.event_type
                when 'message_response' then staged.response_minutes
                when 'reschedule' then staged.notice_hours
                when 'availability_change' then staged.availability_hours
            end,
            staged.value
        ) as value,
        greatest(staged.known_at, staged.event_time) as ingested_at
    from staged
    inner join tutors
        on staged.organization_id = tutors.organization_id and staged.tutor_id = tutors.external_id
),

compared as (
    select
        told.*,
        there.event_id,
        there.event_time as former_time,
        there.event_id is null as is_new,
        (
            told.tutor_id is distinct from there.tutor_id
            or told.event_type is distinct from there.event_type
            or told.event_time is distinct from there.event_time
            or told.by_tutor is distinct from there.by_tutor
            or told.value is distinct from there.value
        ) as is_changed
    from told
    left join tutor_events as there
        on
            cast(:any_known as boolean)
            and told.organization_id = there.organization_id
            and told.external_id = there.external_id
),

changed as (
    update tutor_events set
        tutor_id = compared.tutor_id,
        event_type = compared.event_type,
        event_time = compared.event_time,
        by_tutor = compared.by_tutor,
        value = compared.value,
        ingested_at = compared.ingested_at
    from compared
    where
        cast(:any_known as boolean)
        and tutor_events.organization_id = compared.organization_id
        and tutor_events.external_id = compared.external_id
        and tutor_events.event_id = compared.event_id
        and tutor_events.event_time = compared.former_time
        and is_changed
),

added as (
    insert into tutor_events (
        organization_id, external_id, tutor_id, event_type, event_time, value, by_tutor, ingested_at
    )
    select
        organization_id,
        external_id,
        tutor_id,
        event_type,
        event_time,
        value,
        by_tutor,
        ingested_at
    from compared
    where is_new
    order by event_time
),

-- Hours are compared with the statement before, known already or in this file.
hours as (
    select
        tutor_id,
        event_time,
        value,
        true as is_told
    from compared
    where is_changed and event_type = 'availability_change'
    union all
    select
        tutor_id,
        event_time,
        value,
        false as is_told
    from tutor_events
    where
        event_type = 'availability_change'
        and tutor_id in (
            select compared.tutor_id from compared
            where compared.is_changed and compared.event_type = 'availability_change'
        )
),

steps as (
    select
        tutor_id,
        is_told and value < lag(value) over (partition by tutor_id order by event_time) as is_cut
    from hours
),

rescored as (
    select tutor_id from steps
    where is_cut
    union
    select tutor_id from compared
    where is_changed and event_type = 'reschedule'
)

select
    count(*) filter (where is_new) as inserted,
    count(*) filter (where is_changed and not is_new) as updated,
    (select coalesce(array_agg(tutor_id), '{}') from rescored) as rescored
from compared

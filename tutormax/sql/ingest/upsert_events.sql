-- upsert_events: how many of the staged events are new, changed, and as they were; whose picture do they change?
-- One row of counts, with the tutors to be scored again (those with a reschedule or fewer hours than before), and the
-- instant from which the file says otherwise what was known.
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
        cast(:absent as text[]) @> array[
            case staged.event_type
                when 'message_response' then 'response_minutes'
                when 'reschedule' then 'notice_hours'
                when 'availability_change' then 'availability_hours'
                else 'value'
            end,
            'value'
        ] as tells_no_value,
        'by_tutor' = any(cast(:absent as text[])) as tells_not_by_whom,
        greatest(staged.known_at, staged.event_time) as ingested_at,
        staged.known_at
    from staged
    inner join tutors
        on staged.organization_id = tutors.organization_id and staged.tutor_id = tutors.external_id
),

-- Of what the file says nothing, what is known stays, unless the event has become another.
completed as (
    select
        told.organization_id,
        told.external_id,
        told.tutor_id,
        told.event_type,
        told.event_time,
        told.ingested_at,
        greatest(told.known_at, least(told.event_time, there.event_time)) as told_from,
        case
            when told.tells_not_by_whom and told.event_type = there.event_type then there.by_tutor else told.by_tutor
        end as by_tutor,
        case
            when told.tells_no_value and told.event_type = there.event_type then there.value else told.value
        end as value,
        there.event_id,
        there.tutor_id as former_tutor,
        there.event_type as former_type,
        there.event_time as former_time,
        there.by_tutor as former_by_tutor,
        there.value as former_value
    from told
    left join tutor_events as there
        on
            cast(:any_known as boolean)
            and told.organization_id = there.organization_id
            and told.external_id = there.external_id
),

compared as (
    select
        *,
        event_id is null as is_new,
        (
            tutor_id is distinct from former_tutor
            or event_type is distinct from former_type
            or event_time is distinct from former_time
            or by_tutor is distinct from former_by_tutor
            or value is distinct from former_value
        ) as is_changed
    from completed
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
    (select coalesce(array_agg(tutor_id), '{}') from rescored) as rescored,
    min(told_from) filter (where is_changed) as told_from
from compared

-- reduced_availability: who offers fewer hours than before?
-- One row for each tutor among the given changes whose hours are below those of the latest change before.
with changed as (
    select *
    from unnest(
        cast(:tutor_ids as integer[]),
        cast(:event_times as timestamptz[]),
        cast(:hours as double precision[])
    ) as given (tutor_id, event_time, hours)
),

compared as (
    select distinct on (changed.tutor_id, changed.event_time)
        changed.tutor_id,
        changed.hours,
        tutor_events.value as hours_before
    from changed
    inner join tutor_events
        on
            changed.tutor_id = tutor_events.tutor_id
            and changed.event_time > tutor_events.event_time
            and tutor_events.event_type = 'availability_change'
    order by changed.tutor_id asc, changed.event_time asc, tutor_events.event_time desc
)

select distinct tutor_id
from compared
where hours < hours_before

-- refuse_events: which staged events cannot be taken in, and what is wrong with each?
-- One row for each event that this takes out of the staging table; its first fault counts.
with repeated as (
    select
        event_id,
        min(line) as first_line
    from staged
    group by event_id
    having count(*) > 1
),

judged as (
    select
        staged.line,
        case
            when staged.line > repeated.first_line
                then array['event_id', staged.event_id, 'is the id of line ' || repeated.first_line || ' too']
            when tutors.tutor_id is null
                then array['tutor_id', staged.tutor_id, 'is no tutor that is known']
            when event_type = 'reschedule' and by_tutor is null
                then array['by_tutor', null, 'is missing: a reschedule is the tutor''s or the student''s']
        end as fault
    from staged
    left join repeated on staged.event_id = repeated.event_id
    left join tutors
        on staged.organization_id = tutors.organization_id and staged.tutor_id = tutors.external_id
),

faulty as (
    select
        line,
        fault
    from judged
    where fault is not null
),

removed as (
    delete from staged using faulty
    where staged.line = faulty.line
)

select
    line,
    fault[1] as column_name,
    fault[2] as value,
    fault[3] as reason
from faulty
order by line

-- refuse_events: which staged events cannot be taken in, and what is wrong with each?
-- One row for each event that this takes out of the staging table; its first fault counts.
with numbered as (
    select
        staged.*,
        min(staged.line) over (partition by staged.event_id) as first_line,
        exists(
            select true from tutors
            where tutors.organization_id = staged.organization_id and tutors.external_id = staged.tutor_id
        ) as tutor_known
    from staged
),

judged as (
    select
        line,
        case
            when line > first_line
                then array['event_id', event_id, 'is the id of line ' || first_line || ' too']
            when not tutor_known
                then array['tutor_id', tutor_id, 'is no tutor that is known']
            when event_type = 'reschedule' and by_tutor is null
                then array['by_tutor', null, 'is missing: a reschedule is the tutor''s or the student''s']
        end as fault
    from numbered
),

removed as (
    delete from staged using judged
    where staged.line = judged.line and judged.fault is not null
)

select
    line,
    fault[1] as column_name,
    fault[2] as value,
    fault[3] as reason
from judged
where fault is not null
order by line

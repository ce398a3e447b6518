-- refuse_sessions: which staged sessions cannot be taken in, and what is wrong with each?
-- One row for each session that this takes out of the staging table; its first fault counts.
with numbered as (
    select
        staged.*,
        min(staged.line) over (partition by staged.session_id) as first_line,
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
                then array['session_id', session_id, 'is the id of line ' || first_line || ' too']
            when not tutor_known
                then array['tutor_id', tutor_id, 'is no tutor that is known']
            when session_number is null and is_first_session is null
                then array['session_number', null, 'is missing, and is_first_session too']
            when (session_number = 1) <> is_first_session
                then array['is_first_session', is_first_session::text, 'contradicts session_number ' || session_number]
            when no_show and status not in ('tutor_no_show', 'student_no_show')
                then array['no_show', no_show::text, 'contradicts status ' || status]
            when not no_show and status = 'tutor_no_show'
                then array['no_show', no_show::text, 'contradicts status ' || status]
            when cancelled_at is not null and coalesce(status, 'cancelled') <> 'cancelled'
                then array['cancelled_at', cancelled_at::text, 'contradicts status ' || status]
            when ended_at < actual_start
                then array['ended_at', ended_at::text, 'is before actual_start']
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

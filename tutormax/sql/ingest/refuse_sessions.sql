-- refuse_sessions: which staged sessions cannot be taken in, and what is wrong with each?
-- One row for each session that this takes out of the staging table; its first fault counts.
with repeated as (
    select
        session_id,
        min(line) as first_line
    from staged
    group by session_id
    having count(*) > 1
),

judged as (
    select
        staged.line,
        case
            when staged.line > repeated.first_line
                then array['session_id', staged.session_id, 'is the id of line ' || repeated.first_line || ' too']
            when tutors.tutor_id is null
                then array['tutor_id', staged.tutor_id, 'is no tutor that is known']
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
            -- Whoever looks for what ended in a window looks among what was to begin near it.
            when actual_start not between scheduled_start - interval '24 hours' and scheduled_start + interval '24 hours'
                then array['actual_start', actual_start::text, 'is more than a day from scheduled_start']
            when ended_at not between scheduled_start - interval '24 hours' and scheduled_start + interval '48 hours'
                then array['ended_at', ended_at::text, 'is a day before scheduled_start, or two days after it']
            -- Nobody knows yet; one that is over by tomorrow may have been marked early, and is known when it is over.
            when
                scheduled_start > :now + interval '24 hours'
                and coalesce(
                    status,
                    case
                        when no_show then 'tutor_no_show'
                        when cancelled_at is not null then 'cancelled'
                        when coalesce(actual_start, ended_at) is not null then 'completed'
                        else 'scheduled'
                    end
                ) in ('completed', 'tutor_no_show', 'student_no_show')
                then array[
                    'scheduled_start', scheduled_start::text, 'is more than a day ahead, of a session said to be over'
                ]
        end as fault
    from staged
    left join repeated on staged.session_id = repeated.session_id
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

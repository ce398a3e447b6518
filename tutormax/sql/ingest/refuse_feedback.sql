-- refuse_feedback: which staged ratings cannot be taken in, and what is wrong with each?
-- One row for each rating that this takes out of the staging table; its first fault counts.
with numbered as (
    select
        staged.*,
        min(line) over (partition by staged.feedback_id) as first_line,
        sessions.session_id as known_session,
        tutors.external_id as session_tutor,
        students.external_id as session_student
    from staged
    left join sessions
        on staged.organization_id = sessions.organization_id and staged.session_id = sessions.external_id
    left join tutors on sessions.tutor_id = tutors.tutor_id
    left join students on sessions.student_id = students.student_id
),

judged as (
    select
        line,
        case
            when line > first_line
                then array['feedback_id', feedback_id, 'is the id of line ' || first_line || ' too']
            when known_session is null
                then array['session_id', session_id, 'is no session that is known']
            when tutor_id <> session_tutor
                then array['tutor_id', tutor_id, 'is not the tutor of the session, ' || session_tutor]
            when student_id <> session_student
                then array['student_id', student_id, 'is not the student of the session, ' || session_student]
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

-- refuse_feedback: which staged ratings cannot be taken in, and what is wrong with each?
-- One row for each rating that this takes out of the staging table; its first fault counts.
with repeated as (
    select
        feedback_id,
        min(line) as first_line
    from staged
    group by feedback_id
    having count(*) > 1
),

judged as (
    select
        staged.line,
        case
            when staged.line > repeated.first_line
                then array['feedback_id', staged.feedback_id, 'is the id of line ' || repeated.first_line || ' too']
            when sessions.session_id is null
                then array['session_id', staged.session_id, 'is no session that is known']
            when staged.tutor_id <> tutors.external_id
                then array['tutor_id', staged.tutor_id, 'is not the tutor of the session, ' || tutors.external_id]
            when staged.student_id <> students.external_id
                then array['student_id', staged.student_id, 'is not the student of the session, ' || students.external_id]
        end as fault
    from staged
    left join repeated on staged.feedback_id = repeated.feedback_id
    left join sessions
        on staged.organization_id = sessions.organization_id and staged.session_id = sessions.external_id
    left join tutors on sessions.tutor_id = tutors.tutor_id
    left join students on sessions.student_id = students.student_id
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

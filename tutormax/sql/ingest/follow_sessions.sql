-- follow_sessions: which ratings belong to sessions that were moved, and shall say so?
-- A rating repeats when its session was and whose, so that a join meets one partition.
update student_feedback set
    session_start = sessions.scheduled_start,
    tutor_id = sessions.tutor_id,
    student_id = sessions.student_id
from sessions
where
    sessions.session_id = any(cast(:sessions as bigint[]))
    and student_feedback.tutor_id = any(cast(:tutors as integer[]))
    and student_feedback.session_id = sessions.session_id
    and row(student_feedback.session_start, student_feedback.tutor_id, student_feedback.student_id)
    is distinct from
    row(sessions.scheduled_start, sessions.tutor_id, sessions.student_id)

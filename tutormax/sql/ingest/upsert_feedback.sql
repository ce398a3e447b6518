-- upsert_feedback: how many of the staged ratings are new, changed, and as they were; which tutors were rated badly?
-- One row of counts, with the tutors to be scored again and the instant from which the file says otherwise what was
-- known. Whose rating it is comes from the session.
-- Where nothing is known yet (not :any_known), there is nothing to compare with, and the planner sees that.
with compared as (
    select
        staged.organization_id,
        staged.feedback_id as external_id,
        sessions.session_id,
        sessions.scheduled_start as session_start,
        sessions.tutor_id,
        sessions.student_id,
        staged.rating::smallint as rating,
        coalesce(staged.is_first_session, sessions.session_number = 1) as is_first_session,
        staged.submitted_at,
        greatest(staged.known_at, staged.submitted_at) as ingested_at,
        there.feedback_id,
        there.submitted_at as former_time,
        greatest(staged.known_at, least(staged.submitted_at, there.submitted_at)) as told_from,
        there.feedback_id is null as is_new,
        least(staged.rating, there.rating) < 3 as is_bad,
        (
            sessions.session_id is distinct from there.session_id
            or sessions.scheduled_start is distinct from there.session_start
            or sessions.tutor_id is distinct from there.tutor_id
            or sessions.student_id is distinct from there.student_id
            or staged.rating is distinct from there.rating
            or coalesce(staged.is_first_session, sessions.session_number = 1) is distinct from there.is_first_session
            or staged.submitted_at is distinct from there.submitted_at
        ) as is_changed
    from staged
    inner join sessions
        on staged.organization_id = sessions.organization_id and staged.session_id = sessions.external_id
    left join student_feedback as there
        on
            cast(:any_known as boolean)
            and staged.organization_id = there.organization_id
            and staged.feedback_id = there.external_id
),

changed as (
    update student_feedback set
        session_id = compared.session_id,
        session_start = compared.session_start,
        tutor_id = compared.tutor_id,
        student_id = compared.student_id,
        rating = compared.rating,
        is_first_session = compared.is_first_session,
        submitted_at = compared.submitted_at,
        ingested_at = compared.ingested_at
    from compared
    where
        cast(:any_known as boolean)
        and student_feedback.organization_id = compared.organization_id
        and student_feedback.external_id = compared.external_id
        and student_feedback.feedback_id = compared.feedback_id
        and student_feedback.submitted_at = compared.former_time
        and is_changed
),

added as (
    insert into student_feedback (
        organization_id, external_id, session_id, session_start, tutor_id, student_id, rating, is_first_session,
        submitted_at, ingested_at
    )
    select
        organization_id,
        external_id,
        session_id,
        session_start,
        tutor_id,
        student_id,
        rating,
        is_first_session,
        submitted_at,
        ingested_at
    from compared
    where is_new
    order by submitted_at
)

select
    count(*) filter (where is_new) as inserted,
    count(*) filter (where is_changed and not is_new) as updated,
    coalesce(array_agg(distinct tutor_id) filter (where is_changed and is_bad), '{}') as rescored,
    min(told_from) filter (where is_changed) as told_from
from compared

-- upsert_sessions: how many of the staged sessions are new, changed, and as they were; whose picture do they change?
-- One row of counts, with the tutors to be scored again and the sessions whose feedback must follow them.
-- What is known keeps the time at which it became known; what changes takes a new one.
with told as (
    select
        staged.*,
        tutors.tutor_id as tutor,
        students.student_id as student,
        coalesce(staged.session_number, case when staged.is_first_session then 1 else 2 end) as number,
        coalesce(staged.tutor_replaced, false) as replaced,
        case
            when staged.status is not null then staged.status
            when staged.no_show then 'tutor_no_show'
            when staged.cancelled_at is not null then 'cancelled'
            when coalesce(staged.actual_start, staged.ended_at) is not null then 'completed'
            -- A file that does not tell starts, but says that there was no no-show, means that the session was held.
            when
                not staged.no_show
                and 'actual_start' = any(cast(:absent as text[]))
                and staged.scheduled_start + staged.duration_minutes * interval '1 minute' <= :now
                then 'completed'
            else 'scheduled'
        end as outcome
    from staged
    inner join tutors
        on staged.organization_id = tutors.organization_id and staged.tutor_id = tutors.external_id
    inner join students
        on staged.organization_id = students.organization_id and staged.student_id = students.external_id
),

held as (
    select
        told.*,
        coalesce(
            told.ended_at,
            coalesce(told.actual_start, told.scheduled_start) + told.duration_minutes * interval '1 minute'
        ) as over_at,
        -- Who was not there has no attendance, whatever zeros the file holds in its place.
        told.outcome = 'completed' as attended
    from told
),

dated as (
    select
        organization_id,
        session_id as external_id,
        tutor,
        student,
        number,
        subject,
        scheduled_start,
        duration_minutes::smallint as duration,
        outcome,
        replaced,
        case when attended then actual_start end as actual_start,
        case when attended then over_at end as ended_at,
        case
            when attended then coalesce(
                late_start_minutes,
                greatest(extract(epoch from actual_start - scheduled_start) / 60, 0)
            )::real
        end as late,
        case when attended then engagement_score::real end as engagement,
        case when attended then objectives_met end as objectives,
        case when attended then technical_issues end as issues,
        -- Where the file does not say when a session was booked or cancelled, it was at the latest when it should begin.
        coalesce(greatest(booked_at, known_at), scheduled_start) as booked,
        case when outcome = 'cancelled' then coalesce(greatest(cancelled_at, known_at), scheduled_start) end as cancelled,
        case when outcome <> 'scheduled' then greatest(known_at, over_at) end as outcome_known
    from held
),

compared as (
    select
        dated.*,
        coalesce(dated.cancelled, dated.outcome_known) as known,
        there.session_id,
        there.tutor_id as former_tutor,
        there.scheduled_start as former_start,
        there.session_id is null as is_new,
        (
            dated.scheduled_start is distinct from there.scheduled_start
            or dated.tutor is distinct from there.tutor_id
        ) as is_moved,
        (
            dated.tutor is distinct from there.tutor_id
            or dated.student is distinct from there.student_id
            or dated.number is distinct from there.session_number
            or dated.subject is distinct from there.subject
            or dated.scheduled_start is distinct from there.scheduled_start
            or dated.duration is distinct from there.duration_minutes
        ) as is_replanned,
        (
            dated.outcome is distinct from there.status
            or dated.actual_start is distinct from there.actual_start
            or dated.ended_at is distinct from there.ended_at
            or dated.late is distinct from there.late_start_minutes
            or dated.engagement is distinct from there.engagement_score
            or dated.objectives is distinct from there.objectives_met
            or dated.issues is distinct from there.technical_issues
            or dated.replaced is distinct from there.tutor_replaced
        ) as is_decided
    from dated
    left join sessions as there
        on dated.organization_id = there.organization_id and dated.external_id = there.external_id
),

changed as (
    update sessions set
        tutor_id = compared.tutor,
        student_id = compared.student,
        session_number = compared.number,
        subject = compared.subject,
        scheduled_start = compared.scheduled_start,
        duration_minutes = compared.duration,
        booked_at = case when is_moved then compared.booked else sessions.booked_at end,
        status = compared.outcome,
        cancelled_at = case when is_decided then compared.cancelled else sessions.cancelled_at end,
        actual_start = compared.actual_start,
        ended_at = compared.ended_at,
        outcome_known_at = case when is_decided then compared.known else sessions.outcome_known_at end,
        late_start_minutes = compared.late,
        engagement_score = compared.engagement,
        objectives_met = compared.objectives,
        technical_issues = compared.issues,
        tutor_replaced = compared.replaced,
        ingested_at = coalesce(compared.known, compared.booked)
    from compared
    where
        sessions.session_id = compared.session_id
        and sessions.scheduled_start = compared.former_start
        and (is_replanned or is_decided)
),

added as (
    insert into sessions (
        organization_id, external_id, tutor_id, student_id, session_number, subject, scheduled_start,
        duration_minutes, booked_at, cancelled_at, status, actual_start, ended_at, outcome_known_at,
        late_start_minutes, engagement_score, objectives_met, technical_issues, tutor_replaced, ingested_at
    )
    select
        organization_id,
        external_id,
        tutor,
        student,
        number,
        subject,
        scheduled_start,
        duration,
        booked,
        cancelled,
        outcome,
        actual_start,
        ended_at,
        known,
        late,
        engagement,
        objectives,
        issues,
        replaced,
        coalesce(known, booked) as ingested_at
    from compared
    where is_new
    order by scheduled_start
)

select
    count(*) filter (where is_new) as inserted,
    count(*) filter (where not is_new and (is_replanned or is_decided)) as updated,
    coalesce(array_agg(distinct tutor) filter (where is_decided and (not is_new or outcome <> 'scheduled')), '{}')
        as rescored,
    coalesce(array_agg(session_id) filter (where not is_new and is_replanned), '{}') as replanned,
    coalesce(array_agg(distinct former_tutor) filter (where not is_new and is_replanned), '{}') as former_tutors
from compared

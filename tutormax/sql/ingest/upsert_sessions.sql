-- upsert_sessions: how many of the staged sessions are new, changed, and as they were; whose picture do they change?
-- One row of counts, with the tutors to be scored again, the sessions whose feedback must follow them, and the instant
-- from which the file says otherwise what was known: features ask which sessions are booked for the next 7 days.
-- What is known keeps the time at which it became known; what changes takes a new one.
-- A file without a column says nothing about it, so what is known stays; an empty value says that there is none.
-- Of the outcome a file speaks as soon as it has one column that tells it.
-- Where nothing is known yet (not :any_known), there is nothing to compare with, and the planner sees that.
with silence as (
    select
        cast(:absent as text[]) as absent,
        cast(:absent as text[]) @> array[
            'status', 'no_show', 'cancelled_at', 'actual_start', 'ended_at'
        ] as on_outcome
),

recalled as (
    select
        staged.organization_id,
        staged.session_id as external_id,
        tutors.tutor_id as tutor,
        students.student_id as student,
        coalesce(staged.session_number, case when staged.is_first_session then 1 else 2 end) as number,
        case when 'subject' = any(absent) then there.subject else staged.subject end as subject,
        staged.scheduled_start,
        staged.duration_minutes,
        staged.booked_at,
        staged.known_at,
        staged.no_show,
        'actual_start' = any(absent) as tells_no_starts,
        case when on_outcome then there.status else staged.status end as status,
        case when on_outcome then there.cancelled_at else staged.cancelled_at end as cancelled_at,
        case when on_outcome then there.actual_start else staged.actual_start end as actual_start,
        case when on_outcome then there.ended_at else staged.ended_at end as ended_at,
        case
            when on_outcome and 'late_start_minutes' = any(absent) then there.late_start_minutes
            else staged.late_start_minutes
        end as late_start_minutes,
        case when 'engagement_score' = any(absent) then there.engagement_score else staged.engagement_score end
            as engagement_score,
        case when 'objectives_met' = any(absent) then there.objectives_met else staged.objectives_met end
            as objectives_met,
        case when 'technical_issues' = any(absent) then there.technical_issues else staged.technical_issues end
            as technical_issues,
        coalesce(
            case when 'tutor_replaced' = any(absent) then there.tutor_replaced else staged.tutor_replaced end, false
        ) as replaced,
        there.session_id,
        there.tutor_id as former_tutor,
        there.student_id as former_student,
        there.session_number as former_number,
        there.subject as former_subject,
        there.scheduled_start as former_start,
        there.duration_minutes as former_duration,
        there.status as former_outcome,
        there.actual_start as former_actual_start,
        there.ended_at as former_end,
        there.late_start_minutes as former_late,
        there.engagement_score as former_engagement,
        there.objectives_met as former_objectives,
        there.technical_issues as former_issues,
        there.tutor_replaced as former_replaced
    from staged
    cross join silence
    inner join tutors
        on staged.organization_id = tutors.organization_id and staged.tutor_id = tutors.external_id
    inner join students
        on staged.organization_id = students.organization_id and staged.student_id = students.external_id
    left join sessions as there
        on
            cast(:any_known as boolean)
            and staged.organization_id = there.organization_id
            and staged.session_id = there.external_id
),

told as (
    select
        recalled.*,
        case
            when recalled.status is not null then recalled.status
            when recalled.no_show then 'tutor_no_show'
            when recalled.cancelled_at is not null then 'cancelled'
            when coalesce(recalled.actual_start, recalled.ended_at) is not null then 'completed'
            -- A file that does not tell starts, but says that there was no no-show, means that the session was held.
            when
                not recalled.no_show
                and recalled.tells_no_starts
                and recalled.scheduled_start + recalled.duration_minutes * interval '1 minute' <= :now
                then 'completed'
            else 'scheduled'
        end as outcome
    from recalled
),

held as (
    select
        told.*,
        coalesce(
            told.ended_at, coalesce(told.actual_start, told.scheduled_start) + told.duration_minutes * interval '1 minute'
        ) as over_at,
        -- Who was not there has no attendance, whatever zeros the file holds in its place.
        told.outcome = 'completed' as attended
    from told
),

dated as (
    select
        organization_id,
        external_id,
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
                -- Of a start that nobody told nothing is known; greatest() alone would call it on time.
                case
                    when actual_start is not null
                        then greatest(extract(epoch from actual_start - scheduled_start) / 60, 0)
                end
            )::real
        end as late,
        case when attended then engagement_score::real end as engagement,
        case when attended then objectives_met end as objectives,
        case when attended then technical_issues end as issues,
        -- Where the file does not say when a session was booked or cancelled, it was at the latest when it should begin.
        coalesce(greatest(booked_at, known_at), scheduled_start) as booked,
        case when outcome = 'cancelled' then coalesce(greatest(cancelled_at, known_at), scheduled_start) end as cancelled,
        case when outcome <> 'scheduled' then greatest(known_at, over_at) end as outcome_known,
        known_at,
        session_id,
        former_tutor,
        former_student,
        former_number,
        former_subject,
        former_start,
        former_duration,
        former_outcome,
        former_actual_start,
        former_end,
        former_late,
        former_engagement,
        former_objectives,
        former_issues,
        former_replaced
    from held
),

compared as (
    select
        organization_id,
        external_id,
        tutor,
        student,
        number,
        subject,
        scheduled_start,
        duration,
        outcome,
        replaced,
        actual_start,
        ended_at,
        late,
        engagement,
        objectives,
        issues,
        booked,
        cancelled,
        coalesce(cancelled, outcome_known) as known,
        greatest(known_at, least(scheduled_start, former_start) - interval '168 hours') as told_from,
        session_id,
        former_tutor,
        former_start,
        session_id is null as is_new,
        (scheduled_start is distinct from former_start or tutor is distinct from former_tutor) as is_moved,
        (
            tutor is distinct from former_tutor
            or student is distinct from former_student
            or number is distinct from former_number
            or subject is distinct from former_subject
            or scheduled_start is distinct from former_start
            or duration is distinct from former_duration
        ) as is_replanned,
        (
            outcome is distinct from former_outcome
            or actual_start is distinct from former_actual_start
            or ended_at is distinct from former_end
            or late is distinct from former_late
            or engagement is distinct from former_engagement
            or objectives is distinct from former_objectives
            or issues is distinct from former_issues
            or replaced is distinct from former_replaced
        ) as is_decided
    from dated
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
        cast(:any_known as boolean)
        and sessions.session_id = compared.session_id
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
    coalesce(array_agg(distinct former_tutor) filter (where not is_new and is_replanned), '{}') as former_tutors,
    min(told_from) filter (where is_new or is_replanned or is_decided) as told_from
from compared

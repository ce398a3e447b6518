-- Who is active at one instant: has taught or joined in the 14 days before it, and not resigned since?
-- One row for each such tutor; counts only what was known at :at.
with held as (
    select
        tutor_id,
        max(ended_at) as ended_at
    from sessions
    where
        status = 'completed'
        and ended_at <= :at
        and outcome_known_at <= :at
        and ingested_at <= :at
        -- For the partitions only: no session ends more than two days after its start, or one before it.
        and scheduled_start > :at - interval '384 hours'
        and scheduled_start <= :at + interval '24 hours'
        and (cast(:tutor_ids as integer[]) is null or tutor_id = any(cast(:tutor_ids as integer[])))
        and (cast(:first as integer) is null or tutor_id between :first and :beyond - 1)
    group by tutor_id
),

-- An older resignation is followed by every session and every start that counts here.
resigned as (
    select
        tutor_id,
        max(event_time) as resigned_at
    from tutor_events
    where
        event_type = 'resignation'
        and event_time > :at - interval '336 hours'
        and event_time <= :at
        and ingested_at <= :at
    group by tutor_id
)

select tutors.tutor_id
from tutors
left join held on tutors.tutor_id = held.tutor_id
left join resigned on tutors.tutor_id = resigned.tutor_id
where
    tutors.joined_at <= :at
    and tutors.ingested_at <= :at
    and greatest(tutors.joined_at, held.ended_at) > :at - interval '336 hours'
    and greatest(tutors.joined_at, held.ended_at) > coalesce(resigned.resigned_at, '-infinity')
    and (cast(:organization_id as integer) is null or tutors.organization_id = :organization_id)
    and (cast(:tutor_ids as integer[]) is null or tutors.tutor_id = any(cast(:tutor_ids as integer[])))
    and (cast(:first as integer) is null or tutors.tutor_id between :first and :beyond - 1)
order by tutors.tutor_id

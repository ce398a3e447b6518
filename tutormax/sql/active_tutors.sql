-- Who is active at one instant: has taught or joined in the 14 days before it, and not resigned since?
-- One row for each such tutor; counts only what was known at :at.
with resigned as (
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
),

-- An older resignation is followed by every session and every start that counts here.
known as (
    select
        tutors.tutor_id,
        tutors.joined_at,
        greatest(:at - interval '336 hours', resigned.resigned_at) as since
    from tutors
    left join resigned on tutors.tutor_id = resigned.tutor_id
    where
        tutors.joined_at <= :at
        and tutors.ingested_at <= :at
        and (cast(:organization_id as integer) is null or tutors.organization_id = :organization_id)
        and (cast(:tutor_ids as integer[]) is null or tutors.tutor_id = any(cast(:tutor_ids as integer[])))
        and (cast(:first as integer) is null or tutors.tutor_id between :first and :beyond - 1)
)

select known.tutor_id
from known
where
    known.joined_at > known.since
    or exists (
        select 1
        from (
            -- The newest first: for most that is enough, and only the index of a tutor's sessions has them in order.
            select
                sessions.ended_at,
                sessions.status,
                sessions.outcome_known_at,
                sessions.ingested_at
            from sessions
            where
                sessions.tutor_id = known.tutor_id
                -- For the partitions only: no session ends more than two days after its start, or one before it.
                and sessions.scheduled_start > :at - interval '384 hours'
                and sessions.scheduled_start <= :at + interval '24 hours'
            order by sessions.scheduled_start desc
        ) as held
        where
            held.status = 'completed'
            and held.ended_at > known.since
            and held.ended_at <= :at
            and held.outcome_known_at <= :at
            and held.ingested_at <= :at
    )
order by known.tutor_id

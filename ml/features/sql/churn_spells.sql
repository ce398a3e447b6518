-- When did each tutor's spells of teaching begin, and when did each end in churn?
-- One row for each spell of each tutor of a population, by what was known at known_at; opened_us says from when on
-- the tutor was in it and known to us. Instants are microseconds since 1970, as numpy takes them.
--
-- A spell begins when a tutor joins, or with the first session completed after a churn. It ends with a resignation, or
-- when 14 days have passed since the last completed session ended, whichever comes first; of a spell that may still go
-- on, that is an instant to come. A session that ends at that very instant is in time.
-- Spells that ended before since are left out; of one that began before, the beginning may be later than it was.
with members as (
    select
        tutors.tutor_id,
        tutors.external_id,
        tutors.joined_at,
        tutors.ingested_at
    from tutors
    inner join organizations on tutors.organization_id = organizations.organization_id
    where
        organizations.synthetic = :synthetic
        and tutors.joined_at <= :known_at
        and tutors.ingested_at <= :known_at
),

marks as (
    select
        tutor_id,
        joined_at as at,
        true as active
    from members
    union all
    select
        members.tutor_id,
        coalesce(sessions.ended_at, sessions.scheduled_start + sessions.duration_minutes * interval '1 minute') as at,
        true as active
    from members
    inner join sessions on members.tutor_id = sessions.tutor_id
    where
        sessions.status = 'completed'
        and sessions.outcome_known_at <= :known_at
        -- A day more than the 14 that count, for a session that ran past midnight.
        and sessions.scheduled_start > cast(:since as timestamptz) - interval '360 hours'
        and sessions.scheduled_start <= :known_at
    union all
    select
        members.tutor_id,
        tutor_events.event_time as at,
        false as active
    from members
    inner join tutor_events on members.tutor_id = tutor_events.tutor_id
    where
        tutor_events.event_type = 'resignation'
        and tutor_events.ingested_at <= :known_at
        and tutor_events.event_time > cast(:since as timestamptz) - interval '360 hours'
        and tutor_events.event_time <= :known_at
),

followed as (
    select
        tutor_id,
        at,
        active,
        at + interval '336 hours' as idle_at,
        lead(at) over by_time as next_at,
        lead(active) over by_time as next_active
    from marks
    window by_time as (partition by tutor_id order by at asc, active desc)
),

-- Only the last sign of activity in a spell has an end.
ended as (
    select
        tutor_id,
        at,
        case
            when next_at is null or next_at > idle_at then idle_at
            when not next_active then next_at
        end as churn_at
    from followed
    where active
),

numbered as (
    select
        tutor_id,
        at,
        churn_at,
        count(churn_at) over (
            partition by tutor_id
            order by at asc, churn_at asc nulls first
            rows between unbounded preceding and 1 preceding
        ) as spell
    from ended
),

spells as (
    select
        tutor_id,
        spell,
        min(at) as opened_at,
        max(churn_at) as churn_at
    from numbered
    group by tutor_id, spell
)

select
    members.tutor_id,
    members.external_id,
    (extract(epoch from greatest(spells.opened_at, members.joined_at, members.ingested_at)) * 1000000)::bigint as opened_us,
    (extract(epoch from spells.churn_at) * 1000000)::bigint as churn_us
from spells
inner join members on spells.tutor_id = members.tutor_id
where spells.churn_at > :since
order by members.tutor_id, spells.opened_at

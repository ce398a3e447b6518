-- tutors_to_judge: whose picture may have changed since the evaluation at :previous?
-- One row for each tutor of whom a fact entered or left a window since, or was touched, who is too young for the longest
-- window, or who has become active; and, not active, each one who was and is no more. Without :previous, everybody.
with active as (
    select tutor_id
    from unnest(cast(:active as integer[])) as given (tutor_id)
),

-- Each once: of days that nobody judged there may be millions of facts, and a list too long to be hashed would be gone
-- through for each tutor.
moved as (
    select distinct tutor_id
    from tutor_facts
    where
        counts
        and (
            (happened_at > :previous and happened_at <= :window_end)
            or (
                happened_at > :previous - interval '168 hours'
                and happened_at <= :window_end - interval '168 hours'
            )
            or (
                happened_at > :previous - interval '720 hours'
                and happened_at <= :window_end - interval '720 hours'
            )
            or (
                happened_at > :previous - interval '2160 hours'
                and happened_at <= :window_end - interval '2160 hours'
            )
        )
),

-- What the newest row of each tutor says.
shown as (
    select
        tutors.tutor_id,
        tutors.joined_at,
        stored.active
    from tutors
    left join lateral (
        select metrics.active
        from tutor_performance_metrics as metrics
        where
            metrics.tutor_id = tutors.tutor_id
            and metrics.window_days = 30
            -- Plus nothing, so that the key finds it: told of an instant in the past, the planner takes the index of ends,
            -- thinks that few are as old, and for each tutor walks through everybody's.
            and metrics.window_end + interval '0 seconds' <= :window_end
        order by metrics.window_end desc
        limit 1
    ) as stored on true
)

select
    shown.tutor_id,
    active.tutor_id is not null as active
from shown
left join active on shown.tutor_id = active.tutor_id
where
    (active.tutor_id is null and shown.active)
    or (
        active.tutor_id is not null
        and (
            cast(:previous as timestamptz) is null
            or shown.active is not true
            or shown.joined_at > :previous - interval '2160 hours'
            or shown.tutor_id in (select moved.tutor_id from moved)
            or shown.tutor_id in (select touched_tutors.tutor_id from touched_tutors)
        )
    )
order by shown.tutor_id

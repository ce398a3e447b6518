-- sum_up_days: what did tutors do on the days that were touched?
-- One row for each pair of a tutor and a day (UTC) from :first to :last that has marks, of all tutors or of one: removes the
-- marks, notes for which tutors judgements may have counted the facts as they were, and sums them up anew; a day whose facts
-- are gone has zeros. :starts and :ends are the instants around these days, so that few partitions are met. All of it sees
-- one snapshot: a mark that comes meanwhile is neither counted nor removed.
with touched as materialized (
    select
        tutor_id,
        day,
        day::timestamp at time zone 'UTC' as starts_at,
        min(earliest) as earliest,
        max(latest) as latest
    from touched_days
    where
        day between :first and :last
        and (cast(:tutor_id as integer) is null or tutor_id = :tutor_id)
    group by tutor_id, day
),

-- Not joined with the pairs: the planner, which mostly saw the table empty, would compare each mark with each of them.
taken as (
    delete from touched_days
    where
        day between :first and :last
        and (cast(:tutor_id as integer) is null or tutor_id = :tutor_id)
),

noted as (
    insert into touched_tutors as noted (tutor_id, earliest, latest)
    select
        tutor_id,
        min(earliest) as earliest,
        max(latest) as latest
    from touched
    where earliest is not null
    group by tutor_id
    order by tutor_id
    on conflict (tutor_id) do update
    set
        earliest = least(noted.earliest, excluded.earliest),
        latest = greatest(noted.latest, excluded.latest),
        counted_at = null
),

-- Zeros and facts one below the other, not joined: a join that is guessed too small would be a loop in a loop.
facts as (
    select
        tutor_id,
        day,
        0 as scheduled,
        0 as no_shows,
        0 as completed,
        0 as timed,
        0 as on_time,
        0 as objectives,
        0 as objectives_met,
        0 as engaged,
        0 as engagement,
        0 as ratings,
        0 as rating,
        0 as firsts,
        0 as good_firsts,
        0 as reschedules,
        0 as responses,
        0 as response_minutes,
        false as logged_in
    from touched

    union all

    select
        touched.tutor_id,
        touched.day,
        tutor_facts.scheduled,
        tutor_facts.no_shows,
        tutor_facts.completed,
        tutor_facts.timed,
        tutor_facts.on_time,
        tutor_facts.objectives,
        tutor_facts.objectives_met,
        tutor_facts.engaged,
        tutor_facts.engagement,
        tutor_facts.ratings,
        tutor_facts.rating,
        tutor_facts.firsts,
        tutor_facts.good_firsts,
        tutor_facts.reschedules,
        tutor_facts.responses,
        tutor_facts.response_minutes,
        tutor_facts.logged_in
    from touched
    inner join tutor_facts
        on
            touched.tutor_id = tutor_facts.tutor_id
            -- The same twice: for a hash of many days, and for the index of a few.
            and touched.day = (tutor_facts.happened_at at time zone 'UTC')::date
            and touched.starts_at <= tutor_facts.happened_at
            and touched.starts_at + interval '24 hours' > tutor_facts.happened_at
    where
        tutor_facts.counts
        and tutor_facts.happened_at >= :starts
        and tutor_facts.happened_at < :ends
)

insert into tutor_days
select
    tutor_id,
    day,
    sum(scheduled) as scheduled,
    sum(no_shows) as no_shows,
    sum(completed) as completed,
    sum(timed) as timed,
    sum(on_time) as on_time,
    sum(objectives) as objectives,
    sum(objectives_met) as objectives_met,
    sum(engaged) as engaged,
    sum(engagement) as engagement,
    sum(ratings) as ratings,
    sum(rating) as rating,
    sum(firsts) as firsts,
    sum(good_firsts) as good_firsts,
    sum(reschedules) as reschedules,
    sum(responses) as responses,
    sum(response_minutes) as response_minutes,
    bool_or(logged_in) as logged_in
from facts
group by tutor_id, day
order by tutor_id, day
on conflict (tutor_id, day) do update
set
    scheduled = excluded.scheduled,
    no_shows = excluded.no_shows,
    completed = excluded.completed,
    timed = excluded.timed,
    on_time = excluded.on_time,
    objectives = excluded.objectives,
    objectives_met = excluded.objectives_met,
    engaged = excluded.engaged,
    engagement = excluded.engagement,
    ratings = excluded.ratings,
    rating = excluded.rating,
    firsts = excluded.firsts,
    good_firsts = excluded.good_firsts,
    reschedules = excluded.reschedules,
    responses = excluded.responses,
    response_minutes = excluded.response_minutes,
    logged_in = excluded.logged_in

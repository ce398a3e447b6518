-- upsert_tutors: how many of the staged tutors are new, changed, and as they were?
-- One row of counts, with the tutors of whom features say something else now. A tutor who changes has been known as long
-- as before, so as of every instant.
with compared as (
    select
        staged.organization_id,
        staged.tutor_id as external_id,
        staged.name,
        case
            when staged.subjects is not null then array(select jsonb_array_elements_text(staged.subjects))
        end as subjects,
        staged.baseline_sessions_per_week,
        staged.joined_at,
        greatest(staged.known_at, staged.joined_at) as ingested_at,
        known.tutor_id,
        known.tutor_id is null as is_new,
        row(known.subjects, known.baseline_sessions_per_week, known.joined_at) as former
    from staged
    left join tutors as known
        on staged.organization_id = known.organization_id and staged.tutor_id = known.external_id
),

changed as (
    update tutors set
        name = compared.name,
        subjects = compared.subjects,
        baseline_sessions_per_week = compared.baseline_sessions_per_week,
        joined_at = compared.joined_at
    from compared
    where
        tutors.tutor_id = compared.tutor_id
        and row(tutors.name, tutors.subjects, tutors.baseline_sessions_per_week, tutors.joined_at)
        is distinct from
        row(compared.name, compared.subjects, compared.baseline_sessions_per_week, compared.joined_at)
    returning tutors.tutor_id
),

added as (
    insert into tutors (
        organization_id, external_id, name, subjects, baseline_sessions_per_week, joined_at, ingested_at
    )
    select
        organization_id,
        external_id,
        name,
        subjects,
        baseline_sessions_per_week,
        joined_at,
        ingested_at
    from compared
    where is_new
    order by external_id
)

select
    count(*) filter (where is_new) as inserted,
    (select count(*) from changed) as updated,
    cast('{}' as integer[]) as rescored,
    coalesce(array_agg(tutor_id) filter (
        where not is_new and former is distinct from row(subjects, baseline_sessions_per_week, joined_at)
    ), '{}') as told_anew
from compared

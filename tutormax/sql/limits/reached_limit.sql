-- reached_limit: which limit keeps a job from starting now?
-- One row, its reason null when nothing does. A holder that was killed holds no longer than its lease.
with running as (
    select
        count(*) filter (where actor = :actor) as of_actor,
        count(*) filter (where organization_id = :organization_id) as of_organization
    from jobs
    where state = 'running' and lease_until > clock_timestamp() and job_id <> :job_id
),

paced as (
    select
        coalesce(bool_or(name = :actor_name), false) as actor,
        coalesce(bool_or(name = :organization_name), false) as organization
    from paces
    where
        name in (:actor_name, :organization_name)
        and free_at > clock_timestamp() + make_interval(secs => :burst_seconds)
)

select case
    when running.of_actor >= cast(:actor_running as integer) then 'actor_running'
    when running.of_organization >= cast(:organization_running as integer) then 'organization_running'
    when paced.actor and cast(:actor_pace as float) is not null then 'actor_pace'
    when paced.organization and cast(:organization_pace as float) is not null then 'organization_pace'
end as reason
from running cross join paced

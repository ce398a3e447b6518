-- processes: who is there, and who went silent without having stopped?
-- One row for each process heard of within ten minutes, newest word first.
select
    kind,
    service,
    address,
    case when seen_at < clock_timestamp() - interval '20 seconds' then 'lost' else state end as state
from processes
where seen_at > clock_timestamp() - interval '10 minutes'
order by seen_at desc

-- processes: who is there, and who went silent without having stopped?
-- One row for each process heard of within ten minutes, newest word first. A loopback address leads from any other
-- host to whoever has the port there, so that of another than :host it is as good as none.
select
    kind,
    service,
    case when host = :host or address !~ '^(127[.]|localhost:|[[]::1])' then address end as address,
    case when seen_at < clock_timestamp() - interval '20 seconds' then 'lost' else state end as state
from processes
where seen_at > clock_timestamp() - interval '10 minutes'
order by seen_at desc

-- register_process: is the process there?
-- Writes its one row, and removes those of processes that were silent for an hour.
with forgotten as (
    delete from processes
    where seen_at < clock_timestamp() - interval '1 hour' and process_id <> :process_id
)

insert into processes (process_id, kind, service, state, host, pid, address)
values (:process_id, :kind, :service, :state, :host, :pid, :address)
on conflict (process_id) do update set
    state = excluded.state,
    address = excluded.address,
    seen_at = clock_timestamp()

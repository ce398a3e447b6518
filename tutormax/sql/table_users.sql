-- table_users: who uses tables of this schema for longer than a moment?
-- One row for each session, the one whose transaction is oldest first; of other logins' sessions it may be hidden since when.
select
    activity.pid,
    activity.application_name,
    activity.usename,
    coalesce(to_char(activity.xact_start, '"since" YYYY-MM-DD HH24:MI:SS TZ'), 'since when is hidden') as begun
from pg_stat_activity as activity
where
    activity.pid <> pg_backend_pid()
    and activity.datname = current_database()
    and (activity.xact_start is null or activity.xact_start < clock_timestamp() - interval '2 seconds')
    and exists (
        select true
        from pg_locks
        inner join pg_class on pg_locks.relation = pg_class.oid
        where
            pg_locks.pid = activity.pid
            and pg_locks.granted
            and pg_locks.database = activity.datid
            and pg_class.relnamespace = 'public'::regnamespace
    )
order by activity.xact_start
limit 3

-- Who may do what? Two roles beside the owner of the tables; nobody has one until it is granted to a login:
--     grant tutormax_product to a_login;
--
--   owner              python -m tutormax migrate, backup, restore and demo; workers of the data_generation queue, who make
--                      and drop partitions; python -m tutormax.ingest of months that have none yet, such as history
--   tutormax_product   all other workers, the scheduler and all other commands: rows, and no tables but temporary ones
--   tutormax_readonly  the exporter, dashboards, whoever looks
--
-- Nobody but the owner sees sim_truth: what a synthetic marketplace hides stays hidden from features and models, whatever
-- they are made to ask. What was written to the audit log is neither changed nor removed. Run it as a superuser, who may
-- make roles, once the tables are there, and again after a migration. Connections are limited for each login by its own
--     alter role a_login connection limit 100;
do $$
begin
    if not exists (select from pg_roles where rolname = 'tutormax_product') then
        create role tutormax_product nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'tutormax_readonly') then
        create role tutormax_readonly nologin;
    end if;
end
$$;

-- Where init.sh made the database, nobody comes in but by such a right. Files are checked in a temporary table.
do $$
declare
    this constant text := quote_ident(current_database());
begin
    execute 'grant connect on database ' || this || ' to tutormax_product, tutormax_readonly';
    execute 'grant temporary on database ' || this || ' to tutormax_product';
end
$$;

revoke create on schema public from public;

grant usage on schema public to tutormax_product, tutormax_readonly;
grant select on all tables in schema public to tutormax_product, tutormax_readonly;
grant insert, update, delete on all tables in schema public to tutormax_product;
grant usage on all sequences in schema public to tutormax_product;

revoke update, delete on audit_log from tutormax_product;
revoke insert, update, delete on alembic_version, schema_floor from tutormax_product;

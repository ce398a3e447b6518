-- lacking rights: what may this role not do that TutorMax does?
-- One row for each right on a table of the product that is missing, but for those that roles.sql withholds from whoever is
-- not the owner: the past is not rewritten.
select c.relname || ': ' || wanted.privilege as lacking
from pg_class as c
cross join (values ('select'), ('insert'), ('update'), ('delete')) as wanted (privilege)
where
    c.relnamespace = 'public'::regnamespace
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and c.relname not in ('alembic_version', 'schema_floor')
    and not (c.relname = 'audit_log' and wanted.privilege in ('update', 'delete'))
    and not has_table_privilege(c.oid, wanted.privilege)

union all

select 'temporary tables' as lacking
where not has_database_privilege(current_database(), 'temporary')
order by lacking

-- lacking rights: what may this role not do that TutorMax does?
-- One row for each right on a table of the product that is missing.
select c.relname || ': ' || wanted.privilege as lacking
from pg_class as c
cross join (values ('select'), ('insert'), ('update'), ('delete')) as wanted (privilege)
where
    c.relnamespace = 'public'::regnamespace
    and c.relkind in ('r', 'p')
    and not c.relispartition
    and c.relname not in ('alembic_version', 'schema_floor')
    and not has_table_privilege(c.oid, wanted.privilege)
order by lacking

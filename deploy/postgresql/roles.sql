-- Who may see what? One role for whatever learns and predicts; nobody has it until it is granted:
--     grant tutormax_product to a_login;
-- It may use every table of the product, and nothing of sim_truth: what a synthetic marketplace hides stays hidden from
-- features and models, whatever they are made to ask. Only workers of the data_generation queue, and the oracle, need
-- the owner's rights. Run it as the owner of the tables once they are there, and again after a migration.
do $$
begin
    if not exists (select from pg_roles where rolname = 'tutormax_product') then
        create role tutormax_product nologin;
    end if;
end
$$;

grant usage on schema public to tutormax_product;
grant select, insert, update, delete on all tables in schema public to tutormax_product;
grant usage on all sequences in schema public to tutormax_product;

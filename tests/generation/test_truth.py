"""The truth about synthetic tutors stays with the generator."""

from pathlib import Path

from sqlalchemy import Connection, text

from tutormax.tables import metadata

ROOT = Path(__file__).parents[2]
# The generator writes it; the oracle, which models are held against, reads it.
ALLOWED = ("tutormax/generation/", "tutormax/migrations/versions/", "ml/oracle")
PRODUCT = ("tutormax", "ml", "actors", "schedules")


def test_nothing_but_the_generator_and_the_oracle_names_the_truth() -> None:
    sources = [path for top in PRODUCT for path in (ROOT / top).rglob("*") if path.suffix in {".py", ".sql"}]

    naming = {str(path.relative_to(ROOT)) for path in sources if "sim_truth" in path.read_text(encoding="utf-8")}

    assert naming
    assert {path for path in naming if not path.startswith(ALLOWED)} == set()


def test_no_product_table_is_in_the_schema_of_truth() -> None:
    assert {table.schema for table in metadata.tables.values()} == {None}


def test_no_product_column_holds_a_latent_state(connection: Connection) -> None:
    columns = connection.execute(
        text("select column_name from information_schema.columns where table_schema = 'public'")
    ).scalars()

    assert not set(columns) & {"regime", "archetype", "level", "skill", "login_factor", "response_shift", "silent_days"}


def test_a_role_without_a_grant_may_not_read_it(connection: Connection) -> None:
    connection.execute(text("create role curious"))

    allowed = connection.execute(text("select has_schema_privilege('curious', 'sim_truth', 'usage')")).scalar_one()

    assert allowed is False

"""A `.sql` file as a statement: `load("evaluation/judge")`."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import TextClause, text

DIRECTORY = Path(__file__).parent / "sql"


@lru_cache
def load(name: str, directory: Path = DIRECTORY) -> TextClause:
    """Return the statement in `<directory>/<name>.sql`, its `:names` ready to be bound."""
    return text((directory / f"{name}.sql").read_text(encoding="utf-8"))

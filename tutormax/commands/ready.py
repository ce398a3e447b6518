"""Before a command works: the schema is there, and the ledger can ring."""

from tutormax import broker, db, schema, servers, settings


def ready() -> None:
    """Bring an embedded database's schema up to date, check another's, and let this process ring.

    Raises OutdatedSchemaError where somebody else has to migrate.
    """
    with db.transaction() as connection:
        if servers.is_embedded(settings.current()):
            schema.upgrade(connection)
        else:
            schema.check(connection)
    broker.install()

"""The revisions of the schema, one file a change."""

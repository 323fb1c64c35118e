"""Alembic's way in: runs the versions on the connection that `backend.migrations` hands over."""

from alembic import context

from backend.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    # The sign-ins of a server database are made anew by whoever finds them missing.
    include_name=lambda name, kind, _parents: (
        kind != "table" or name in metadata.tables or name == "alembic_version"
    ),
)
with context.begin_transaction():
    context.run_migrations()

"""The environment that Alembic runs: migrations on a given connection, or their SQL as text (`--sql`)."""

from alembic import context

from actors.stores.migrations import is_described
from schemas.storage.tables import metadata

connection = context.config.attributes.get("connection")

if context.is_offline_mode():
    context.configure(
        dialect_name=context.config.get_main_option("dialect", "sqlite"),
        target_metadata=metadata,
        literal_binds=True,
        transactional_ddl=True,
    )
else:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=True,
        include_name=is_described,
    )

with context.begin_transaction():
    context.run_migrations()

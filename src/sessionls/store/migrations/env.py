"""Run by alembic: migrations happen on the connection that the store hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from sessionls.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()

"""Migrates the tables of a database by Alembic, from the installed package, without an ini file."""

from __future__ import annotations

import io
import uuid
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.storage.tables import STORE_ID

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

# The newest revision. Named here, so that a store that is up to date is opened without importing Alembic.
HEAD: Final = "0009"
WORD_INDEX: Final = "idx_annotations_words"
END: Final = ";\n\n"  # of a statement of `new_sqlite.sql`


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for these migrations, on an open connection if one is given."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Migrate the tables to `HEAD` inside the open transaction of `connection`, step by step."""
    from alembic import command

    command.upgrade(configuration(connection), "head")


def is_described(name: str | None, kind: str, parents: object = None) -> bool:
    """Whether `schemas.storage.tables` describes something of this name; Alembic's `include_name`.

    It does not describe the index of words: tables that FTS5 makes, in PostgreSQL an index of an expression.
    """
    return name != WORD_INDEX and (kind != "table" or not str(name).startswith("speech_"))


def create(connection: Connection) -> None:
    """Make all tables in an empty database, inside the transaction that is open on `connection`.

    SQLite gets the tables of `HEAD` at once, without Alembic, whose import and steps take 0.25 s longer.
    """
    if connection.dialect.name != "sqlite":
        upgrade(connection)
        return
    script = files("actors.stores.migrations").joinpath("new_sqlite.sql").read_text(encoding="utf-8")
    for statement in script.split(END):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))
    connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES (?, ?)", (STORE_ID, uuid.uuid4().hex))


def statements(revision: str | None, dialect: str) -> str:
    """The SQL that migrates tables from a revision (None: from nothing) to `HEAD`, in one transaction."""
    from alembic import command

    config = configuration()
    config.set_main_option("dialect", dialect)
    config.output_buffer = io.StringIO()
    command.upgrade(config, f"{revision or 'base'}:head", sql=True)
    return config.output_buffer.getvalue().strip()


def known(revision: str) -> bool:
    """Whether this version knows a revision; a store may come from a newer version."""
    if revision == HEAD:
        return True
    from alembic.script import ScriptDirectory

    return revision in {
        script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()
    }

"""Adds `annotations.words`, what is said as single words, and an index of them.

SQLite has the words a second time in a table of FTS5, by a number: the row numbers of `annotations` may
change in a VACUUM. Triggers keep it in step. PostgreSQL has an index over the list of words. Neither splits
a text itself.
"""

import sqlalchemy as sa
from alembic import context, op

from actors.stores.migrations.speech_words import fill, mark_due
from schemas.storage.column_types import WORDS

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ADD = """
    INSERT INTO speech_numbers (annotation_id) SELECT new.annotation_id WHERE new.words IS NOT NULL;
    INSERT INTO speech_index (rowid, words)
        SELECT number, new.words FROM speech_numbers WHERE annotation_id = new.annotation_id;
"""
_REMOVE = """
    INSERT INTO speech_index (speech_index, rowid, words)
        SELECT 'delete', number, old.words FROM speech_numbers WHERE annotation_id = old.annotation_id;
    DELETE FROM speech_numbers WHERE annotation_id = old.annotation_id;
"""
SQLITE = (
    "CREATE TABLE speech_numbers (number INTEGER PRIMARY KEY, annotation_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE speech_index USING fts5(words, content='', tokenize='ascii')",
    f"CREATE TRIGGER speech_added AFTER INSERT ON annotations WHEN new.words IS NOT NULL\nBEGIN{_ADD}END",
    "CREATE TRIGGER speech_removed AFTER DELETE ON annotations WHEN old.words IS NOT NULL\n"
    f"BEGIN{_REMOVE}END",
    # One trigger: the order of two would be SQLite's choice.
    "CREATE TRIGGER speech_changed AFTER UPDATE OF words, annotation_id ON annotations\n"
    f"WHEN old.words IS NOT NULL OR new.words IS NOT NULL\nBEGIN{_REMOVE.rstrip()}{_ADD}END",
)
POSTGRESQL = (
    "CREATE INDEX idx_annotations_words ON annotations"
    " USING gin (array_to_tsvector(string_to_array(btrim(words), ' '))) WHERE words IS NOT NULL",
)


def upgrade() -> None:
    op.add_column("annotations", sa.Column("words", WORDS, nullable=True))
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        op.execute(statement)
    if context.is_offline_mode():
        op.execute(mark_due())
    else:
        fill(op.get_bind())


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for name in ("added", "removed", "changed"):
            op.execute(f"DROP TRIGGER speech_{name}")
        op.execute("DROP TABLE speech_index")
        op.execute("DROP TABLE speech_numbers")
    else:
        op.execute("DROP INDEX idx_annotations_words")
    op.drop_column("annotations", "words")

"""Full-text search: the words of a mention, and an index over them on each engine.

Mentions that were stored before, and mentions that older code stores meanwhile, have no words yet.
`tocsin.store.search.index_missing` gives them their words, a piece at a time. So this migration takes no longer for a large
store.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
READS = 1

BOTH = (
    "ALTER TABLE mentions ADD COLUMN words {text}",
    "CREATE INDEX mentions_wordless ON mentions (created_at) WHERE words IS NULL",
)
SQLITE = (
    # Our words are cut already. The tokenizer `ascii` takes every character beyond ASCII for a letter, and cuts no further.
    # The words themselves stay in `mentions`.
    "CREATE VIRTUAL TABLE mention_words USING fts5(words, content='mentions', content_rowid='rowid', columnsize=0,"
    " tokenize=\"ascii tokenchars '#@|$'\")",
    # A trigger only notes the inserted rows. They are indexed many at once: row by row, FTS5 takes three times as long.
    "CREATE TABLE mention_words_due (id INTEGER PRIMARY KEY)",
    "CREATE TRIGGER mention_words_in AFTER INSERT ON mentions WHEN new.words IS NOT NULL BEGIN"
    " INSERT INTO mention_words_due (id) VALUES (new.rowid); END",
    "CREATE TRIGGER mention_words_out AFTER DELETE ON mentions WHEN old.words IS NOT NULL BEGIN"
    " INSERT INTO mention_words (mention_words, rowid, words) SELECT 'delete', old.rowid, old.words"
    " WHERE NOT EXISTS (SELECT 1 FROM mention_words_due WHERE id = old.rowid);"
    " DELETE FROM mention_words_due WHERE id = old.rowid; END",
    "CREATE TRIGGER mention_words_changed AFTER UPDATE OF words ON mentions BEGIN"
    " INSERT INTO mention_words (mention_words, rowid, words) SELECT 'delete', old.rowid, old.words"
    " WHERE old.words IS NOT NULL AND NOT EXISTS (SELECT 1 FROM mention_words_due WHERE id = old.rowid);"
    " DELETE FROM mention_words_due WHERE id = old.rowid;"
    " INSERT INTO mention_words_due (id) SELECT new.rowid WHERE new.words IS NOT NULL; END",
)
# New entries wait in a list and go into the index together. The list is short, because the writer that fills it up waits, and
# every search reads it. The function is a cast with a stated cost: planners think that a plain cast is free, and cast every
# row they meet.
POSTGRESQL = (
    "CREATE FUNCTION words_of_mention(words text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000"
    " AS $$ BEGIN RETURN words::tsvector; END $$",
    "CREATE INDEX mentions_by_words ON mentions USING gin (words_of_mention(words)) WITH (gin_pending_list_limit = 1024)",
)


def upgrade() -> None:
    """Add the column and the index."""
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    for statement in (*BOTH, *(POSTGRESQL if postgresql else SQLITE)):
        bind.exec_driver_sql(statement.replace("{text}", 'TEXT COLLATE "C"' if postgresql else "TEXT"))

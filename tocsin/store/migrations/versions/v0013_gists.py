"""The gist of a mention, beside each match: hashes of its words, by which lightly edited copies are found.

Rows that were stored before have none, and fold by their signature alone until they are understood anew in the background.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
READS = 1


def upgrade() -> None:
    """Add the column."""
    bind = op.get_bind()
    kind = "BYTEA" if bind.dialect.name == "postgresql" else "BLOB"
    bind.exec_driver_sql(f"ALTER TABLE matches ADD COLUMN gist {kind}")

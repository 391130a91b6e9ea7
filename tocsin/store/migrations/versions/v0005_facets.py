"""The facets of mentions (intent, emotion, crisis, harm), beside each mention and each match.

Rows that were stored before, and rows that older code stores meanwhile, have none yet.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
READS = 1


def upgrade() -> None:
    """Add the columns."""
    bind = op.get_bind()
    kind = 'TEXT COLLATE "C"' if bind.dialect.name == "postgresql" else "TEXT"
    for table in ("mentions", "matches"):
        for facet in ("intent", "emotion", "crisis", "harm"):
            bind.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {facet} {kind}")

"""What a signal's verdict was computed from, beside the signal.

Signals that were stored before, and those that older code stores meanwhile, have none.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
READS = 1


def upgrade() -> None:
    """Add the column."""
    bind = op.get_bind()
    kind = 'TEXT COLLATE "C"' if bind.dialect.name == "postgresql" else "TEXT"
    bind.exec_driver_sql(f"ALTER TABLE signals ADD COLUMN working {kind}")

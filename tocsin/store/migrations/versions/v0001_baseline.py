"""The schema of the first stores.

On PostgreSQL `mentions` and `matches` are partitioned by day (`tocsin.store.postgres.partitions`).
"""

from pathlib import Path

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0001"
down_revision = None
READS = 1


def upgrade() -> None:
    """Make every table."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in statements(text, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

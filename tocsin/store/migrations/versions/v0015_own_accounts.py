"""Which matches were written by an account of the monitor's own brand.

Matches that were stored before, and those that older code stores meanwhile, are nobody's own: they were counted.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
READS = 1


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql("ALTER TABLE matches ADD COLUMN own BOOLEAN")

"""When a definition was last switched on again, or brought back after its end.

What was switched on before, or by older code meanwhile, has no such time.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
READS = 1


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql("ALTER TABLE definitions ADD COLUMN on_since BIGINT")

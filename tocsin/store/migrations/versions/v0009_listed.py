"""An index that holds all that a list of alerts is filtered by."""

from alembic import op

revision = "0009"
down_revision = "0008"
READS = 1

DDL = "CREATE INDEX alerts_listed ON alerts (opened_at, id, kind, severity, status, monitor_id, monitor)"


def upgrade() -> None:
    """Make the index."""
    op.get_bind().exec_driver_sql(DDL)

"""Second opinions on the mentions of an alert."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0016"
down_revision = "0015"
READS = 1

DDL = """
CREATE TABLE second_opinions (
  alert_id VARCHAR(64) NOT NULL,
  window_end BIGINT NOT NULL,
  at BIGINT NOT NULL,
  model VARCHAR(64) NOT NULL,
  asked INTEGER NOT NULL,
  agreed INTEGER NOT NULL,
  unscored INTEGER NOT NULL,
  unscored_negative INTEGER NOT NULL,
  negative INTEGER NOT NULL,
  PRIMARY KEY (alert_id)
);
"""


def upgrade() -> None:
    """Make the table."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

"""The ledger of what sources could not hear, what networks deleted, and the rhythm of each source."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0004"
down_revision = "0003"
READS = 1

TABLES = """
CREATE TABLE IF NOT EXISTS source_gaps (
  id VARCHAR(64) NOT NULL,
  source VARCHAR(256) NOT NULL,
  cause VARCHAR(16) NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT,
  reason TEXT NOT NULL,
  filled_at BIGINT,
  filled BIGINT NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX source_gaps_by_source ON source_gaps (source, starts_at);
CREATE INDEX source_gaps_by_start ON source_gaps (starts_at);
CREATE TABLE IF NOT EXISTS removals (
  source VARCHAR(256) NOT NULL,
  what VARCHAR(8) NOT NULL,
  value VARCHAR(256) NOT NULL,
  told_at BIGINT NOT NULL,
  PRIMARY KEY (source, what, value)
);
CREATE INDEX removals_by_time ON removals (told_at);
ALTER TABLE source_state ADD COLUMN last_news_at BIGINT;
ALTER TABLE source_state ADD COLUMN rhythm TEXT;
"""


def upgrade() -> None:
    """Make the tables, and add the columns."""
    for statement in statements(TABLES, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

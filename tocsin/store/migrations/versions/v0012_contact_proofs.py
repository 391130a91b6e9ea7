"""Codes that prove a person's channels, and the device of a session."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0012"
down_revision = "0011"
READS = 1

DDL = """
CREATE TABLE contact_proofs (
  person_id VARCHAR(64) NOT NULL,
  channel VARCHAR(64) NOT NULL,
  code_hash VARCHAR(64) NOT NULL,
  sent_at BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  proven_at BIGINT,
  PRIMARY KEY (person_id, channel)
);
ALTER TABLE sessions ADD COLUMN device VARCHAR(64);
"""


def upgrade() -> None:
    """Make the table and the column."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

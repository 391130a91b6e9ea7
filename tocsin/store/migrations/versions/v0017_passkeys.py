"""Passkeys of people, and the challenges that a browser has to answer with one."""

from alembic import op

from tocsin.store.migrations.sql import statements

revision = "0017"
down_revision = "0016"
READS = 1

DDL = """
CREATE TABLE passkeys (
  id VARCHAR(64) NOT NULL,
  person_id VARCHAR(64) NOT NULL,
  credential TEXT NOT NULL,
  public_key TEXT NOT NULL,
  sign_count BIGINT NOT NULL,
  name VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (id)
);
CREATE INDEX passkeys_by_person ON passkeys (person_id);
CREATE TABLE passkey_challenges (
  browser_hash VARCHAR(64) NOT NULL,
  challenge VARCHAR(128) NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (browser_hash)
);
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in statements(DDL, op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)

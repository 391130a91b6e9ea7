"""The real store, on PostgreSQL."""

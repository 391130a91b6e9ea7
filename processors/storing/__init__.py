"""From records to rows: one batch of them at a time."""

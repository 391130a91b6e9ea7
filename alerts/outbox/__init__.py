"""The outbox: notices that wait, leave, or are held."""

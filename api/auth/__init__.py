"""Authentication and authorisation: sessions, API keys, webhook signatures, and the one table of rules."""

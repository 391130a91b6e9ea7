"""Who may come in, and what they may do: sign-in, sessions, keys, and the one table of rules."""

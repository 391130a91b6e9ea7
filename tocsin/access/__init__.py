"""Links that let people in, and links that do one thing once."""

"""The real pipeline on recorded mentions: replays, back-tests and imports."""

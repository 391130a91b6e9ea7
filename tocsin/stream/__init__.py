"""The stream: an append-only log of records. The port, and a module or folder for each engine."""

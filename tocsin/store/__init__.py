"""The store: everything that is decided or derived. The port, the tables, and a folder for each engine."""

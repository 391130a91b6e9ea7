"""Data that leaves one installation or enters another: definitions, exports, moves and backups."""

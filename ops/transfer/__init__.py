"""What leaves one installation and enters another: definitions, exports, moves and backups."""

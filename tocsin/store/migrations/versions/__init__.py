"""The migrations, in order: revision = the number of the schema that a migration makes."""

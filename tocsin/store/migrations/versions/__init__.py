"""The migrations, in order. The revision of a migration is the number of the schema that it makes."""

"""The steps, in order: revision = the number of the schema that a step makes."""

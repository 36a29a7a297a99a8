"""The schema, step by step. Each migration runs as the owner of the database."""

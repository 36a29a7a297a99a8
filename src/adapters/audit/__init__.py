"""The audit of a PostgreSQL database. It shares no code with what it checks: an import contract sees to that."""

"""A payment provider for development, demonstrations and tests: a process with books that survive any kill."""

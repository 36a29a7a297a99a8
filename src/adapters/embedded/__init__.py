"""PostgreSQL and Redis as children of Holdwater itself, for one machine and one command."""

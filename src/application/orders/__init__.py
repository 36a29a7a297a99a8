"""Use cases of orders, one a file."""

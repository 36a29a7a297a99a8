"""Use cases of tenants and access tokens, one a file."""

"""Use cases of products and stock, one a file."""

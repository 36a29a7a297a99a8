"""Ways to tell the world outside."""

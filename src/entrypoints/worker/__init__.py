"""Roles that run in the background."""

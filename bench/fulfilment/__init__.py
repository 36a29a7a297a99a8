"""The arms of `bench saga`: one process each, which answers every line of its input."""

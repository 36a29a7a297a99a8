"""Use cases: load, let the domain decide, save. Imports the domain alone."""

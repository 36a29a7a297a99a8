"""Domain objects to rows and back: written once, for every adapter that stores rows.

A row is a dict from column name to a plain value. The tenant's column is added by the adapter.
"""

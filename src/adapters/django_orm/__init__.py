"""The ports on PostgreSQL through Django: the app with the label "store"."""

"""`ingest`: files of readings, sent to a running service through its API."""

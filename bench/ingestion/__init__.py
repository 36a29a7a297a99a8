"""The parts of `holdwater bench ingest`: what is sent, who sends it, and what must be stored afterwards."""

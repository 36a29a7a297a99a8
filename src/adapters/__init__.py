"""The ports' implementations, each around one technology."""

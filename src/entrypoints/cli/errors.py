"""How a command fails: one line that says what to do, and an exit status."""

from __future__ import annotations


class CommandFailed(Exception):
    """The command could not do its work; the message is for the person at the terminal."""

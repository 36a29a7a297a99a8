"""How a command fails: one line that says what to do, and an exit status."""

from __future__ import annotations

from os import EX_USAGE


class CommandFailed(Exception):
    """The command could not do its work; the message is for the person at the terminal."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    @staticmethod
    def usage(message: str) -> CommandFailed:
        """Something is wrong with the options, not with the world."""
        return CommandFailed(message, exit_code=EX_USAGE)

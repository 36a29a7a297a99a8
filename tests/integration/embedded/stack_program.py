"""A foreground stack as `holdwater up` runs one: `python stack_program.py STATE_DIR [COMMAND…]`."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.embedded.errors import EmbeddedServiceError
from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory


def main(state_path: str, *command: str) -> None:
    """Run the stack, and the command beside it under the name `web`, until a signal comes."""
    with EmbeddedStack(
        StateDirectory(Path(state_path)), handle_signals=True, report=lambda line: print(line, flush=True)
    ) as stack:
        if command:
            stack.run_command("web", command, stop_timeout_s=1.0)
        stack.mark_ready("http://127.0.0.1:1")
        stack.run_until_stopped()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EmbeddedServiceError as error:
        sys.exit(f"error: {error}")

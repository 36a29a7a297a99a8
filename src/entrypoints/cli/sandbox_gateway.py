"""`sandbox-gateway`: a payment provider for development, demonstrations and tests."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from adapters.sandbox_gateway.ledger import LedgerUnusable
from adapters.sandbox_gateway.server import SandboxGateway, SandboxTimes
from entrypoints import logs
from entrypoints.cli.errors import CommandFailed
from entrypoints.cli.running import gateway_secrets_of
from entrypoints.cli.state import STATE_DIR_DEFAULT, StateDir, out
from entrypoints.limits import GATEWAY_TIMEOUT_S
from entrypoints.settings import Settings, http_url

SLOW_S_DEFAULT: Final = 1.0
LATE_S_DEFAULT: Final = 2.0 * GATEWAY_TIMEOUT_S
HANG_S_DEFAULT: Final = 5.0 * GATEWAY_TIMEOUT_S
DELAY_S_MAX: Final = 3_600.0
FOLDER: Final = "gateway"


def sandbox_gateway(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0: any.", min=0, max=65535)] = 8400,
    callback_url: Annotated[
        str, typer.Option(help="Where each answer is posted to, signed; empty: nowhere.")
    ] = "",
    slow_s: Annotated[
        float, typer.Option(help="How long tok_slow takes.", min=0, max=DELAY_S_MAX)
    ] = SLOW_S_DEFAULT,
    late_s: Annotated[
        float, typer.Option(help="How late tok_late_success has its effect.", min=0, max=DELAY_S_MAX)
    ] = LATE_S_DEFAULT,
    hang_s: Annotated[
        float, typer.Option(help="When a call without an answer is hung up.", min=0, max=DELAY_S_MAX)
    ] = HANG_S_DEFAULT,
    state_dir: StateDir = STATE_DIR_DEFAULT,
) -> None:
    """Answer as a payment provider would, until SIGTERM.

    It moves no money. What it does depends on the payment method: tok_visa works; tok_declined and
    tok_insufficient_funds are declined; tok_slow, tok_flaky, tok_timeout_before_effect, tok_timeout_after_effect,
    tok_capture_fails_then_ok and tok_late_success fail as they are called. Its books are in the state directory and
    survive any kill. Callers need HOLDWATER_PAYMENT_GATEWAY_TOKEN, or the state directory's own.

    Example: holdwater sandbox-gateway --port 8400 --callback-url http://127.0.0.1:8000/v1/payment-callbacks/sandbox
    """
    settings = Settings.from_environment()
    logs.configure(settings.log_format, settings.log_level)
    token, callback_secret = gateway_secrets_of(state_dir)
    gateway = _opened(
        host,
        port,
        state_dir / FOLDER,
        token=token,
        times=SandboxTimes(slow_s=slow_s, late_s=late_s, hang_s=hang_s),
        callback_url=http_url("--callback-url", callback_url, ("http", "https")),
        callback_secret=callback_secret,
    )
    stop = threading.Event()

    def ask_to_stop(signum: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    gateway.start()
    out.print(f"The sandbox gateway answers at {gateway.url}", soft_wrap=True)
    stop.wait()
    gateway.stop()


def _opened(
    host: str,
    port: int,
    folder: Path,
    *,
    token: str,
    times: SandboxTimes,
    callback_url: str,
    callback_secret: str,
) -> SandboxGateway:
    try:
        return SandboxGateway(
            host=host,
            port=port,
            folder=folder,
            token=token,
            times=times,
            callback_url=callback_url,
            callback_secret=callback_secret,
        )
    except LedgerUnusable as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(
            f"can't listen on {host}:{port} ({error.strerror}); choose another --port or --host"
        ) from error

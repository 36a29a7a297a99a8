"""A sandbox gateway of its own, as an operator starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.embedded.ports import free_port, http_answers
from adapters.payment_gateways.sandbox import SandboxPaymentGateway

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
TOKEN = "the-token-of-the-tests"
CALLBACK_SECRET = "whsec_" + "c2Vz" * 8
SETTLE_S = 30.0
PATIENT_S = 20.0


@dataclass
class GatewayProcess:
    """`holdwater sandbox-gateway` on a port; its log and its books are in a folder."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> GatewayProcess:
        """Start, and wait until it answers."""
        log_file = self.folder / "gateway.log"
        program = Path(sys.executable).parent / "holdwater"
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    "sandbox-gateway",
                    "--port",
                    str(self.port),
                    "--state-dir",
                    self.folder,
                    *self.options,
                ],
                env={
                    **os.environ,
                    "HOLDWATER_PAYMENT_GATEWAY_TOKEN": TOKEN,
                    "HOLDWATER_PAYMENT_CALLBACK_SECRET": CALLBACK_SECRET,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if http_answers(self.port):
                return self
            time.sleep(0.02)
        raise AssertionError(f"the gateway did not start:\n{log_file.read_text()}")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT_S)

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)

    @contextmanager
    def gateway(self, *, timeout_s: float = PATIENT_S) -> Iterator[SandboxPaymentGateway]:
        """An adapter that leads to it."""
        with closing(
            SandboxPaymentGateway(self.url, token=TOKEN, timeout_s=timeout_s, settle_s=SETTLE_S)
        ) as gateway:
            yield gateway


@contextmanager
def gateway_process(folder: Path, *options: str) -> Iterator[GatewayProcess]:
    """A gateway that runs; nothing of it is left afterwards."""
    gateway = GatewayProcess(folder, options)
    try:
        yield gateway.start()
    finally:
        gateway.kill()

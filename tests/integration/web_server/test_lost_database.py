"""PostgreSQL goes away under a running server, and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded.stack import EmbeddedStack
from adapters.embedded.state_directory import StateDirectory
from integration.web_server.conftest import order_of
from integration.web_server.test_life import eventually, is_answered
from integration.web_server.test_metrics import LAG_KNOWN, Metrics
from integration.web_server.web_process import WebProcess, web_process

COMMAND_TIMEOUT_S = 60


def holdwater(environment: dict[str, str], *arguments: str) -> Any:
    """Run a command to its end; gives the JSON object that it ends with."""
    done = subprocess.run(
        [Path(sys.executable).parent / "holdwater", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().rpartition("\n")[2]
    return json.loads(last) if last.startswith("{") else None


def status_of(web: WebProcess, token: str, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Status and Retry-After of one request under the key `k`."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = web.request(method, path, headers=headers, body=body and json.dumps(body).encode())
    return answer.status, answer.headers.get("Retry-After", "")


class TestAStoppedDatabase:
    @pytest.mark.promise("A2", "A5", "O7")
    @pytest.mark.slow
    def test_is_answered_503_until_it_runs_again(self, tmp_path: Path) -> None:
        state = StateDirectory(tmp_path / "postgres")
        with EmbeddedStack(state, with_redis=False) as stack:
            urls = stack.urls
            environment = {
                "DATABASE_URL": urls.app_url,
                "DATABASE_OWNER_URL": urls.owner_url,
                "DATABASE_SYSTEM_URL": urls.system_url,
                "HOLDWATER_WEB_WORKERS": "2",
            }
            holdwater(environment, "migrate")
            holdwater(environment, "tenant", "create", "acme", "--json")
            token = holdwater(
                environment, "token", "create", "--tenant", "acme", "--scopes", "all", "--json"
            )["token"]
            with web_process(environment, tmp_path) as web:
                web.start()
                assert (
                    status_of(web, token, "POST", "/v1/products", {"sku": "TEA-1", "name": "Tea"})[0] == 201
                )
                assert Metrics.of(web).value(LAG_KNOWN) == 1
                stack.stop()
                for method, path, body in (
                    ("GET", "/v1/orders", None),
                    ("GET", "/v1/products/TEA-1", None),
                    ("POST", "/v1/orders", order_of("TEA-1")),
                ):
                    status, retry_after = status_of(web, token, method, path, body)
                    assert status == 503
                    assert int(retry_after) >= 1
                assert is_answered(web, "/livez", 200)
                assert is_answered(web, "/readyz", 503)
                assert eventually(lambda: Metrics.of(web).value(LAG_KNOWN) == 0)
                before = web.workers()
                with EmbeddedStack(state, with_redis=False) as again:
                    assert again.urls.app_url == urls.app_url
                    assert eventually(lambda: is_answered(web, "/readyz", 200))
                    assert {status_of(web, token, "GET", "/v1/products/TEA-1")[0] for _ in range(16)} == {200}
                    assert eventually(lambda: Metrics.of(web).value(LAG_KNOWN) == 1)
                    assert web.workers() == before

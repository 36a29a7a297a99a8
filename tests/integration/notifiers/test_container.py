"""Which notifiers there are, by the settings."""

from __future__ import annotations

import base64

import pytest

from entrypoints.container import Container
from entrypoints.settings import Settings

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MAIL = {
    "HOLDWATER_SMTP_HOST": "mail.example.com",
    "HOLDWATER_SMTP_FROM": "Shop <orders@shop.example>",
    "HOLDWATER_SMTP_PASSWORD": "open-sesame",
}
WEBHOOK = {"HOLDWATER_WEBHOOK_URL": "https://hooks.example/xyzzy", "HOLDWATER_WEBHOOK_SECRET": SECRET}


class TestNotifiers:
    @pytest.mark.parametrize(
        ("environment", "channels"),
        [({}, []), (MAIL, ["e-mail"]), (WEBHOOK, ["webhook"]), (MAIL | WEBHOOK, ["e-mail", "webhook"])],
    )
    def test_are_those_that_are_set_up(self, environment: dict[str, str], channels: list[str]) -> None:
        container = Container()
        container.settings.override(Settings.from_environment(environment))
        notifiers = container.notifiers()
        assert [notifier.channel for notifier in notifiers] == channels
        assert container.notifiers() == notifiers
        for secret in ("open-sesame", "xyzzy", SECRET):
            assert secret not in repr(notifiers)

"""Settings that are refused before anything starts."""

from __future__ import annotations

import pytest

from application.ports.rate_limit import RateLimits
from entrypoints.settings import SettingInvalid, Settings


class TestRateLimits:
    def test_come_from_the_environment(self) -> None:
        settings = Settings.from_environment(
            {
                "HOLDWATER_RATE_LIMIT_TOKEN": "7",
                "HOLDWATER_RATE_LIMIT_TENANT": "70",
                "HOLDWATER_RATE_WINDOW_S": "10",
            }
        )
        assert settings.rate_limits == RateLimits(owner=7, tenant=70, window_s=10)

    @pytest.mark.parametrize(
        "name", ["HOLDWATER_RATE_LIMIT_TOKEN", "HOLDWATER_RATE_LIMIT_TENANT", "HOLDWATER_RATE_WINDOW_S"]
    )
    @pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many", "10000000000"])
    def test_that_can_not_be_used_are_named(self, name: str, text: str) -> None:
        with pytest.raises(SettingInvalid, match=name):
            Settings.from_environment({name: text})

    def test_are_counted_together_where_there_is_a_redis(self) -> None:
        assert Settings(redis_url="redis://x").requests_are_counted == "together"
        assert Settings().requests_are_counted == "by_process"


class TestTheAddressOfRedis:
    @pytest.mark.parametrize("url", ["secret@localhost:6379", "http://:secret@x", "secret"])
    def test_that_is_none_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(SettingInvalid, match="REDIS_URL") as refusal:
            Settings.from_environment({"REDIS_URL": url})
        assert "secret" not in str(refusal.value)

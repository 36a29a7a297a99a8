"""The Redis servers of the rate limits' tests serve here too."""

from __future__ import annotations

from integration.rate_limits.conftest import start_redis as start_redis

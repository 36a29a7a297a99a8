"""Settings that are refused before anything starts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.ports.rate_limit import RateLimits
from domain.telemetry.retention import RawRetention
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


class TestRawRetention:
    @pytest.mark.promise("G6")
    def test_is_for_good_unless_told(self) -> None:
        assert Settings.from_environment({}).raw_retention == RawRetention(None)
        assert Settings.from_environment({"HOLDWATER_RAW_RETENTION_DAYS": ""}).raw_retention == RawRetention(
            None
        )
        told = Settings.from_environment({"HOLDWATER_RAW_RETENTION_DAYS": "40"})
        assert told.raw_retention == RawRetention(timedelta(days=40))

    @pytest.mark.parametrize("text", ["0", "-1", "1.5", "forever", "36501"])
    def test_that_can_not_be_used_is_named(self, text: str) -> None:
        with pytest.raises(SettingInvalid, match="HOLDWATER_RAW_RETENTION_DAYS"):
            Settings.from_environment({"HOLDWATER_RAW_RETENTION_DAYS": text})


class TestTheAddressOfRedis:
    @pytest.mark.parametrize("url", ["secret@localhost:6379", "http://:secret@x", "secret"])
    def test_that_is_none_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(SettingInvalid, match="REDIS_URL") as refusal:
            Settings.from_environment({"REDIS_URL": url})
        assert "secret" not in str(refusal.value)


class TestTheAddressOfTheBroker:
    @pytest.mark.promise("X1")
    def test_is_that_of_redis_unless_told(self) -> None:
        redis, rabbitmq = {"REDIS_URL": "redis://a"}, {"BROKER_URL": "amqps://b"}
        assert (Settings.from_environment({}).broker, Settings.from_environment({}).broker_url) == (
            "none",
            "",
        )
        for env, kind, url in (
            (redis, "redis", "redis://a"),
            (redis | rabbitmq, "rabbitmq", "amqps://b"),
            (rabbitmq, "rabbitmq", "amqps://b"),
            (redis | {"BROKER_URL": "unix:///c"}, "redis", "unix:///c"),
            (redis | {"BROKER_URL": ""}, "redis", "redis://a"),
        ):
            settings = Settings.from_environment(env)
            assert (settings.broker, settings.broker_url) == (kind, url)
            assert settings.redis_url == env.get("REDIS_URL", "")

    @pytest.mark.parametrize("url", ["secret@h", "https://:secret@h", "amqp:secret", "AMQP://secret"])
    def test_that_is_none_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(SettingInvalid, match=r"BROKER_URL: let it begin with .* amqp://") as refusal:
            Settings.from_environment({"BROKER_URL": url})
        assert "secret" not in str(refusal.value)
        assert "secret" not in repr(Settings(broker_url="amqp://secret"))

    @pytest.mark.parametrize(
        "url", ["amqp://", "amqp:///secret", "amqp://secret:port", "amqp://secret:65536"]
    )
    def test_of_rabbitmq_names_a_host_and_may_name_a_port(self, url: str) -> None:
        with pytest.raises(SettingInvalid, match="BROKER_URL: name RabbitMQ's host") as refusal:
            Settings.from_environment({"BROKER_URL": url})
        assert "secret" not in str(refusal.value)

    def test_of_rabbitmq_is_refused_without_its_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(SettingInvalid, match=r"pip install 'holdwater\[rabbitmq\]'"):
            Settings.from_environment({"BROKER_URL": "amqp://h"})


MAIL = {
    "HOLDWATER_SMTP_HOST": "mail.example.com",
    "HOLDWATER_SMTP_FROM": "Shop <orders@shop.example>",
    "HOLDWATER_SMTP_USER": "shop",
    "HOLDWATER_SMTP_PASSWORD": "open-sesame",
}
SECRET = "whsec_" + "c2Vz" * 8
WEBHOOK = {"HOLDWATER_WEBHOOK_URL": "https://hooks.example/xyzzy", "HOLDWATER_WEBHOOK_SECRET": SECRET}


class TestNotifiers:
    def test_show_no_secret(self) -> None:
        shown = repr(Settings.from_environment(MAIL | WEBHOOK))
        assert "mail.example.com" in shown
        for secret in ("open-sesame", "xyzzy", SECRET):
            assert secret not in shown

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            (MAIL | {"HOLDWATER_SMTP_FROM": ""}, "HOLDWATER_SMTP_FROM"),
            (MAIL | {"HOLDWATER_SMTP_FROM": "orders"}, "HOLDWATER_SMTP_FROM"),
            (MAIL | {"HOLDWATER_SMTP_FROM": "a@b.example\nBcc: eve@example.com"}, "HOLDWATER_SMTP_FROM"),
            (MAIL | {"HOLDWATER_SMTP_PORT": "65536"}, "HOLDWATER_SMTP_PORT"),
            (MAIL | {"HOLDWATER_SMTP_TLS": "ssl"}, "HOLDWATER_SMTP_TLS"),
            (WEBHOOK | {"HOLDWATER_WEBHOOK_SECRET": ""}, "HOLDWATER_WEBHOOK_SECRET"),
            (WEBHOOK | {"HOLDWATER_WEBHOOK_SECRET": SECRET[6:]}, "HOLDWATER_WEBHOOK_SECRET"),
            (WEBHOOK | {"HOLDWATER_WEBHOOK_SECRET": "whsec_xyzzy"}, "HOLDWATER_WEBHOOK_SECRET"),
            (WEBHOOK | {"HOLDWATER_WEBHOOK_SECRET_PREVIOUS": "whsec_" + "c2Vz" * 7}, "SECRET_PREVIOUS"),
            (WEBHOOK | {"HOLDWATER_WEBHOOK_ALLOW_PRIVATE": "true"}, "HOLDWATER_WEBHOOK_ALLOW_PRIVATE"),
            *(
                (WEBHOOK | {"HOLDWATER_WEBHOOK_URL": url}, "HOLDWATER_WEBHOOK_URL")
                for url in (
                    "http://hooks.example/xyzzy",
                    "ftp://hooks.example/xyzzy",
                    "https:///xyzzy",
                    "https://xyzzy@hooks.example/",
                    "https://hooks.example:99999/xyzzy",
                    "https://hooks.example/xyzzy#part",
                    "https://hooks.example/xyzzy HTTP/1.1\r\nX: y",
                    "https://[::1/xyzzy",
                )
            ),
        ],
    )
    def test_that_can_not_be_used_are_named_without_their_secrets(
        self, changes: dict[str, str], name: str
    ) -> None:
        with pytest.raises(SettingInvalid, match=name) as refusal:
            Settings.from_environment(changes)
        assert "xyzzy" not in str(refusal.value)
        assert "open-sesame" not in str(refusal.value)

    def test_use_the_port_that_goes_with_their_tls(self) -> None:
        ports = {
            tls: Settings.from_environment(MAIL | {"HOLDWATER_SMTP_TLS": tls}).smtp_port
            for tls in ("starttls", "tls", "none")
        }
        assert ports == {"starttls": 587, "tls": 465, "none": 25}

    def test_may_go_to_plain_http_where_private_addresses_are_allowed(self) -> None:
        settings = Settings.from_environment(
            WEBHOOK | {"HOLDWATER_WEBHOOK_URL": "http://10.0.0.1/", "HOLDWATER_WEBHOOK_ALLOW_PRIVATE": "yes"}
        )
        assert settings.webhook_url == "http://10.0.0.1/"


PAYMENT = {
    "HOLDWATER_PAYMENT_GATEWAY_URL": "http://10.0.0.7:8400/pay",
    "HOLDWATER_PAYMENT_GATEWAY_TOKEN": "open-sesame-and-more",
    "HOLDWATER_PAYMENT_CALLBACK_SECRET": SECRET,
}


class TestThePaymentGateway:
    def test_is_the_sandbox_where_there_is_a_url(self) -> None:
        settings = Settings.from_environment(PAYMENT)
        assert settings.pays_through == "sandbox"
        shown = repr(settings)
        assert "10.0.0.7" in shown
        assert "open-sesame" not in shown
        assert SECRET not in shown

    def test_is_in_memory_only_where_everything_is(self) -> None:
        in_memory = {"HOLDWATER_PERSISTENCE": "memory"}
        wanted = {"HOLDWATER_PAYMENT_GATEWAY_URL": "memory"}
        assert Settings.from_environment(in_memory | wanted).pays_through == "memory"
        with pytest.raises(SettingInvalid, match="HOLDWATER_PAYMENT_GATEWAY_URL"):
            Settings.from_environment(wanted)

    def test_decides_whether_orders_are_fulfilled(self) -> None:
        assert Settings.from_environment(PAYMENT).fulfils_orders
        for environment in ({}, {"HOLDWATER_PERSISTENCE": "memory"}):
            settings = Settings.from_environment(environment)
            assert settings.pays_through == "none"
            assert not settings.fulfils_orders

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"HOLDWATER_PAYMENT_GATEWAY_TOKEN": ""}, "HOLDWATER_PAYMENT_GATEWAY_TOKEN"),
            ({"HOLDWATER_PAYMENT_GATEWAY_TOKEN": "xyzzy"}, "HOLDWATER_PAYMENT_GATEWAY_TOKEN"),
            ({"HOLDWATER_PAYMENT_GATEWAY_TOKEN": "xyzzy" * 41}, "HOLDWATER_PAYMENT_GATEWAY_TOKEN"),
            ({"HOLDWATER_PAYMENT_GATEWAY_TOKEN": "xyzzy xyzzy xyzzy"}, "HOLDWATER_PAYMENT_GATEWAY_TOKEN"),
            (
                {"HOLDWATER_PAYMENT_GATEWAY_TOKEN": "xyzzyxyzzyxyzzy\r\nX: y"},
                "HOLDWATER_PAYMENT_GATEWAY_TOKEN",
            ),
            ({"HOLDWATER_PAYMENT_CALLBACK_SECRET": "xyzzy"}, "HOLDWATER_PAYMENT_CALLBACK_SECRET"),
            *(
                ({"HOLDWATER_PAYMENT_GATEWAY_URL": url}, "HOLDWATER_PAYMENT_GATEWAY_URL")
                for url in (
                    "https://pay.example/xyzzy",
                    "pay.example:8400",
                    "http://xyzzy@pay.example/",
                    "http://pay.example/?xyzzy",
                    "http://pay.example/#xyzzy",
                    "http://pay.example:99999/xyzzy",
                )
            ),
        ],
    )
    def test_that_can_not_be_used_is_named_without_its_secrets(
        self, changes: dict[str, str], name: str
    ) -> None:
        with pytest.raises(SettingInvalid, match=name) as refusal:
            Settings.from_environment(PAYMENT | changes)
        assert "xyzzy" not in str(refusal.value)

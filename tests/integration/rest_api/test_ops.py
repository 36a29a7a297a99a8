"""What a tenant's operators see of its messages: how far they are, and those that nobody could deliver."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from dependency_injector import providers
from prometheus_client.parser import text_string_to_metric_families

from entrypoints.container import Container
from integration.rest_api.checked_client import CheckedClient
from integration.rest_api.readiness import MAILER, parked_message
from integration.rest_api.test_lists import pages

OTHER = "counter"


@pytest.fixture
def tenant_id(api: CheckedClient, container: Container) -> UUID:
    """The caller's tenant."""
    tenant_id: UUID = container.authenticate().handle(api.token or "").tenant_id
    return tenant_id


class TestTheLag:
    @pytest.mark.promise("O7", "A1")
    def test_is_that_of_the_tenant_alone(
        self,
        api: CheckedClient,
        container: Container,
        tenant_id: UUID,
        new_token: Callable[..., str],
    ) -> None:
        assert api.get("/v1/ops/lag").json == {"items": [], "next": None}
        letters = [parked_message(container, tenant_id, consumer) for consumer in (MAILER, MAILER, OTHER)]
        container.dead_letters().replay(tenant_id, letters[0])
        counter, mailer = api.get("/v1/ops/lag").json["items"]
        assert min(lag.pop("oldest_parked_age_s") for lag in (counter, mailer)) >= 0
        assert counter == {
            "consumer": OTHER, "pending": 0, "oldest_age_s": None, "parked": 1, "settled_last_minute": 0,
        }  # fmt: skip
        assert mailer.pop("oldest_age_s") >= 0
        assert mailer == {"consumer": MAILER, "pending": 1, "parked": 1, "settled_last_minute": 0}
        stranger = api.as_(new_token(tenant="others"))
        assert stranger.get("/v1/ops/lag").json == {"items": [], "next": None}

    def test_takes_no_page(self, api: CheckedClient) -> None:
        assert api.get("/v1/ops/lag?limit=1").fields == ["limit"]


class TestDeadLetters:
    @pytest.mark.promise("O6", "A3")
    def test_are_walked_oldest_first_and_by_consumer(
        self, api: CheckedClient, container: Container, tenant_id: UUID
    ) -> None:
        consumers = [MAILER, OTHER, MAILER, MAILER, OTHER]
        letters = [(str(parked_message(container, tenant_id, consumer)), consumer) for consumer in consumers]
        address, seen = "/v1/ops/dead-letters?limit=2", []
        for number, items in enumerate(pages(api, address)):
            seen += [(item["id"], item["consumer"]) for item in items]
            if number == 0:
                letters.append((str(parked_message(container, tenant_id)), MAILER))
        assert seen == letters
        by_consumer = [item["id"] for items in pages(api, f"{address}&consumer={OTHER}") for item in items]
        assert by_consumer == [id_ for id_, consumer in letters if consumer == OTHER]
        assert api.get("/v1/ops/dead-letters?consumer=nobody").json == {"items": [], "next": None}

    @pytest.mark.promise("O6")
    def test_say_what_could_not_be_done_and_why(
        self, api: CheckedClient, container: Container, tenant_id: UUID
    ) -> None:
        letter_id = parked_message(container, tenant_id)
        (letter,) = api.get("/v1/ops/dead-letters").json["items"]
        assert {name: letter[name] for name in ("id", "consumer", "stream_kind", "version", "tries")} == {
            "id": str(letter_id), "consumer": MAILER, "stream_kind": "product", "version": 1, "tries": 1,
        }  # fmt: skip
        assert (letter["event_type"], letter["error"]) == ("product.created", "nobody answers")
        assert letter["created_at"] <= letter["parked_at"]
        assert str(UUID(letter["stream_id"])) == letter["stream_id"]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("cursor=abc", "cursor"),
            ("consumer=", "consumer"),
            ("consumer=a%00b", "consumer"),
            ("consumer=" + "x" * 101, "consumer"),
            ("after=1", "after"),
        ],
    )
    def test_name_the_parameter_that_is_wrong(self, api: CheckedClient, query: str, field: str) -> None:
        answer = api.get(f"/v1/ops/dead-letters?{query}")
        assert (answer.status, answer.fields) == (400, [field])

    @pytest.mark.promise("O6")
    def test_are_replayed_once(self, api: CheckedClient, container: Container, tenant_id: UUID) -> None:
        letter_id, left = (parked_message(container, tenant_id) for _ in range(2))
        address = f"/v1/ops/dead-letters/{letter_id}/replay"
        answer = api.call("POST", address)
        assert (answer.status, answer.body) == (204, b"")
        assert [item["id"] for item in api.get("/v1/ops/dead-letters").json["items"]] == [str(left)]
        woken = [wake for wake in container.backlog().due(10) if wake.tenant_id == tenant_id]
        (wake,) = woken
        claimed = container.message_claims().claim(wake)
        assert claimed is not None
        assert (claimed.id, claimed.tries) == (letter_id, 1)
        assert api.call("POST", address).code == "not-found"
        assert container.message_claims().claim(wake) is None


class TestMetrics:
    @pytest.fixture
    def told(self, api: CheckedClient) -> Callable[[], dict[str, float]]:
        """What /metrics says of messages, by name and consumer."""

        def ask() -> dict[str, float]:
            text = api.as_(None).get("/metrics").body.decode()
            return {
                " ".join(
                    [sample.name.removeprefix("holdwater_messages_"), *sample.labels.values()]
                ): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name.startswith("holdwater_messages_")
            }

        return ask

    @pytest.mark.promise("O7")
    def test_say_0_where_that_is_known(
        self, container: Container, tenant_id: UUID, told: Callable[[], dict[str, float]]
    ) -> None:
        container.consumers.override(providers.Object({OTHER: None}))
        parked_message(container, tenant_id)
        assert told() == {
            "lag_known": 1,
            f"pending {OTHER}": 0, f"dead {OTHER}": 0, f"settled_last_minute {OTHER}": 0,
            f"pending {MAILER}": 0, f"dead {MAILER}": 1, f"settled_last_minute {MAILER}": 0,
        }  # fmt: skip

    @pytest.mark.promise("O7")
    def test_say_nothing_where_it_is_not(
        self, container: Container, tenant_id: UUID, told: Callable[[], dict[str, float]]
    ) -> None:
        container.consumers.override(providers.Object({OTHER: None}))
        container.sample_lag.override(providers.Factory(Unknown))
        assert told() == {"lag_known": 0}


class Unknown:
    """A sampler that could not find out."""

    def handle(self) -> None:
        """Not known."""

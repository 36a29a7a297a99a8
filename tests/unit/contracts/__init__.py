"""One suite per port; every adapter passes it. To bind one: see `binding.py`."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "access_contract",
            "event_store_contract",
            "idempotency_contract",
            "order_repository_contract",
            "product_repository_contract",
            "read_models_contract",
            "stock_item_repository_contract",
            "unit_of_work_contract",
        )
    )
)

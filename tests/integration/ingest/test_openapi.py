"""The API is what its description says: schemathesis sends what the description allows, and what it does not."""

import warnings
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.ingest.web.answers import EVERYWHERE
from tests.integration.ingest.shop import ADMIN_TOKEN, API, DANDELIONS, Shop

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SETTINGS = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def _operations(shop: Shop) -> list[Any]:
    document = shop.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = shop.url
    return [found.ok() for found in list[Any](schema.get_all_operations())]


def test_no_route_answers_what_it_does_not_describe_and_none_breaks(shop: Shop) -> None:
    operations = _operations(shop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what generators say of a schema is not ours to judge
        for operation in operations:
            _ask(operation)
    assert len(operations) > 20


def _ask(operation: Any) -> None:
    """Calls one operation with what it describes, and with what it does not."""
    closed = operation.path.startswith(("/v1/", "/admin/"))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} if closed else {}

    @SETTINGS
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers, timeout=20)

    ask()


def test_every_route_names_its_refusals_with_words_and_an_example(shop: Shop) -> None:
    document = shop.get("/openapi.json").json()
    refusal = document["components"]["schemas"]["Refusal"]["properties"]
    assert all(field["examples"] for field in refusal.values())
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            if path.startswith((API, "/jobs", "/d/", "/v1")):
                assert {str(status) for status in EVERYWHERE} <= set(operation["responses"]), path
            for status, answer in operation["responses"].items():
                assert answer["description"], (path, status)


def test_the_examples_of_the_description_are_what_is_answered(shop: Shop) -> None:
    prices = shop.post(f"{API}/calculate-all-prices", data={"attachment_id": DANDELIONS, "post_id": 7}).json()
    described = shop.get("/openapi.json").json()["components"]["schemas"]["Price"]["properties"]
    assert set(prices["pricing"]["4x"]) == set(described)

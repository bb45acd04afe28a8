"""Requests drawn from the service model, for every operation: valid ones are understood, broken ones refused by name.

SAGEYARD_FUZZ=n draws n times as many, with new seeds; `make fuzz` does.
"""

import json

import pytest
import regex
from botocore import session
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st
from sageyard.wire import model

from tests.property.beyond_the_model import ACCEPTED
from tests.property.broken_constraints import break_one, constraints
from tests.property.drawn_requests import DrawnRequest
from tests.property.examples import RICHNESS, SEEDS, examples
from tests.property.live import Live
from tests.property.misfit import misfit

SERVICE = model.load("sagemaker")
BOTOCORE = session.get_session().get_service_model("sagemaker")
PARSER = create_parser("json")


@pytest.mark.parametrize("operation", sorted(SERVICE.operations))
def test_a_request_with_one_constraint_broken_is_refused_by_member_and_rule(live: Live, operation: str) -> None:
    """... and changes nothing."""
    rules = constraints(SERVICE, operation)
    if not rules:
        assert not SERVICE.input_shape(operation).get("members")
        return
    before = live.resources()

    @examples(1)
    @given(seed=SEEDS, richness=RICHNESS, choice=st.integers(0, 7))
    def refused(seed: int, richness: float, choice: int) -> None:
        for number, rule in enumerate(rules):
            drawn = DrawnRequest(SERVICE, seed + number, richness)
            request, place = break_one(SERVICE, operation, rule, drawn, choice + number)
            status, _, body = live.post(operation, request)
            answer = json.loads(body)
            seen = (str(rule), request, answer)
            code = "SerializationException" if rule.rule == "type" else "ValidationException"
            assert status == 400, seen
            assert answer["__type"] == code, seen
            assert f"'{place}'" in answer["message"], seen
            assert regex.search(rule.expected, answer["message"]), seen

    refused()
    assert live.resources() == before


@pytest.mark.parametrize("operation", sorted(SERVICE.operations))
def test_a_valid_request_is_understood_and_answered_in_the_shape_of_the_model(live: Live, operation: str) -> None:
    shape, parsed_shape = SERVICE.output_shape(operation), BOTOCORE.operation_model(operation).output_shape

    @examples(12)
    @given(seed=SEEDS, richness=RICHNESS)
    def answered(seed: int, richness: float) -> None:
        request = DrawnRequest(SERVICE, seed, richness).build(SERVICE.input_shape(operation))
        if seed % 2:
            request |= ACCEPTED.get(operation, {})
        status, headers, body = live.post(operation, request)
        parsed = PARSER.parse({"status_code": status, "headers": headers, "body": body}, parsed_shape)
        seen = (request, parsed)
        if status == 200:
            assert misfit(SERVICE, shape, json.loads(body)) == "", seen
            return
        assert status == 400, seen
        assert parsed["Error"]["Code"] not in {"InternalFailure", "SerializationException", "Unknown"}, seen
        assert parsed["Error"]["Message"], seen
        assert "failed to satisfy constraint" not in parsed["Error"]["Message"], seen

    answered()


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"5", b'"text"', b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}", b"\x00", b"1" * 10_000,
     b'{"NameContains": "\\ud800"}', b'{"MaxResults": 1e999}', b'{"MaxResults": NaN}'],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_a_body_that_is_no_request_is_a_serialization_exception(live: Live, body: bytes) -> None:
    status, _, answer = live.send("ListTrainingJobs", body)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")
    assert json.loads(answer)["message"]

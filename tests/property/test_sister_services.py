"""Requests drawn from the models of SageMaker's sister services, sent as botocore writes them."""

import json
from typing import Any

import pytest
import regex
from botocore import session
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import assume, given
from sageyard.resources.runtime import sister_services
from sageyard.wire import model

from tests.property.broken_constraints import break_one, constraints
from tests.property.drawn_requests import DrawnRequest
from tests.property.examples import RICHNESS, SEEDS, examples
from tests.property.live import Live
from tests.property.misfit import misfit

OPERATIONS = [(service, name) for service in sister_services() for name in sorted(model.load(service).operations)]
NOT_WRITTEN = {"type", "union"}
"""Broken constraints that botocore's serializer refuses or repairs before anything is sent."""
SERIALIZER = create_serializer("rest-json", include_validation=False)
PARSER = create_parser("rest-json")
BOTOCORE = {service: session.get_session().get_service_model(service) for service in sister_services()}


def post(live: Live, service: str, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    written = SERIALIZER.serialize_to_request(request, BOTOCORE[service].operation_model(operation))
    assume(
        all(str(value).isascii() and str(value).isprintable() for value in written["headers"].values())
    )  # as HTTP is
    return live.request(written)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_a_request_with_one_constraint_broken_is_refused_by_member_and_rule(
    live: Live, service: str, operation: str
) -> None:
    """... of members in the body: in path, query and headers all is text."""
    loaded = model.load(service)
    shape = loaded.input_shape(operation)
    in_body = {name for name, member in shape.get("members", {}).items() if "location" not in member}
    if "payload" in shape:
        in_body = set()
    rules = [
        rule for rule in constraints(loaded, operation) if rule.path[0] in in_body and rule.rule not in NOT_WRITTEN
    ]
    before = live.resources()

    @examples(1)
    @given(seed=SEEDS, richness=RICHNESS)
    def refused(seed: int, richness: float) -> None:
        for number, rule in enumerate(rules):
            drawn = DrawnRequest(loaded, seed + number, richness)
            request, place = break_one(loaded, operation, rule, drawn, number)
            status, headers, body = post(live, service, operation, request)
            seen = (str(rule), request, body)
            assert status == 400, seen
            assert headers["x-amzn-errortype"] in {"ValidationException", "ValidationError"}, seen
            message = json.loads(body)["message"]
            assert f"'{place}'" in message, seen
            assert regex.search(rule.expected, message), seen

    refused()
    assert live.resources() == before


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_a_valid_request_is_understood_and_answered_in_the_shape_of_the_model(
    live: Live, service: str, operation: str
) -> None:
    loaded = model.load(service)
    output = BOTOCORE[service].operation_model(operation).output_shape

    @examples(12)
    @given(seed=SEEDS, richness=RICHNESS)
    def answered(seed: int, richness: float) -> None:
        request = DrawnRequest(loaded, seed, richness).build(loaded.input_shape(operation))
        status, headers, body = post(live, service, operation, request)
        seen = (request, status, body)
        if status < 300:
            PARSER.parse({"status_code": status, "headers": headers, "body": body}, output)
            assert misfit(loaded, loaded.output_shape(operation), json.loads(body)) == "", seen
            return
        assert status < 500, seen
        assert headers["x-amzn-errortype"] not in {"InternalFailure", "SerializationException"}, seen
        assert json.loads(body)["message"], seen
        assert "failed to satisfy constraint" not in json.loads(body)["message"], seen

    answered()

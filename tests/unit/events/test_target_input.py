"""What a target is sent."""

import json
from typing import Any

import pytest
from sageyard.events.target_input import fill, follow, target_input

EVENT = {"id": "1", "detail-type": "A Thing", "resources": ["x", "y"], "detail": {"a b": {"n": 7}, "quote": 'say "no"'}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.id", "1"),
        ("$.detail-type", "A Thing"),
        ("$.resources[1]", "y"),
        ("$.resources[7]", None),
        ("$.detail['a b'].n", 7),
        ("$.detail.nothing.here", None),
    ],
)
def test_a_path_leads_to_a_part(path: str, value: Any) -> None:
    assert follow(EVENT, path) == value


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{"q": <quote>, "n": <n>}', '{"q": "say \\"no\\"", "n": 7}'),
        ('"<n>: <quote>, <detail>"', '"7: say \\"no\\", {\\"a\\": 1}"'),
        ('"kept \\" <n> <unknown>"', '"kept \\" 7 <unknown>"'),
        ("<detail>", '{"a": 1}'),
    ],
)
def test_a_template_is_filled_as_json(template: str, text: str) -> None:
    filled = fill(template, {"quote": 'say "no"', "n": 7, "detail": {"a": 1}})
    assert filled == text
    json.loads(filled)


def test_a_target_gets_the_event_unless_it_says_otherwise() -> None:
    assert json.loads(target_input({}, EVENT, 0.0)) == EVENT
    assert target_input({"Input": "any text"}, EVENT, 0.0) == "any text"
    assert json.loads(target_input({"InputPath": "$.resources"}, EVENT, 0.0)) == ["x", "y"]
    transformer = {"InputTemplate": '{"rule": "<aws.events.rule-name>", "all": <aws.events.event.json>}'}
    sent = json.loads(target_input({"InputTransformer": transformer, "RuleName": "r"}, EVENT, 0.0))
    assert sent == {"rule": "r", "all": EVENT}

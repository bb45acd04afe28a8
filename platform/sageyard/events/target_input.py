"""What a target is sent: the event, a part of it, a text of the user's, or a template filled from it.

Source: EventBridge's user guide, `eb-transform-target-input`.
"""

import json
import re
from typing import Any

from sageyard.clock import iso

STEP = re.compile(r"\.([^.\[\]]+)|\[['\"]([^'\"]+)['\"]\]|\[(\d+)\]")
VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")


def target_input(target: dict[str, Any], event: dict[str, Any], now: float) -> str:
    """The text for one target."""
    if (text := target.get("Input")) is not None:
        return str(text)
    if path := target.get("InputPath"):
        return json.dumps(follow(event, path))
    if transformer := target.get("InputTransformer"):
        values = {name: follow(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
        own = {
            "aws.events.rule-arn": target.get("RuleArn"),
            "aws.events.rule-name": target.get("RuleName"),
            "aws.events.event.ingestion-time": iso(now),
            "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
            "aws.events.event.json": event,
        }
        return fill(transformer["InputTemplate"], own | values)
    return json.dumps(event)


def follow(value: Any, path: str) -> Any:
    """A JSON path of names and numbers, `$.detail.items[0]`; None where it leads nowhere."""
    for name, quoted, index in STEP.findall(path.removeprefix("$")):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name or quoted) if isinstance(value, dict) else None
    return value


def fill(template: str, values: dict[str, Any]) -> str:
    """A template with its `<variables>`: inside quotes their text, elsewhere JSON. Unknown ones stay."""
    filled: list[str] = []
    quoted, position = False, 0
    while position < len(template):
        found = VARIABLE.match(template, position)
        if found and found[1] in values:
            value = values[found[1]]
            if quoted:
                text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
                filled.append(json.dumps(text)[1:-1])
            else:
                filled.append(json.dumps(value))
            position = found.end()
            continue
        letter = template[position]
        if letter == "\\" and quoted:
            filled.append(template[position : position + 2])
            position += 2
            continue
        quoted ^= letter == '"'
        filled.append(letter)
        position += 1
    return "".join(filled)

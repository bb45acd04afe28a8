"""What a newer botocore brings needs no line of code here: its new resource types are stored and described."""

import asyncio
import copy
from pathlib import Path

from sageyard.clock import ShiftedClock
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.operations import Operations
from sageyard.store.resources import Resources
from sageyard.wire.model import ServiceModel, load

MEMBERS = {"WidgetName": {"shape": "WidgetName"}, "Colour": {"shape": "WidgetColour"}}
TIME = {"CreationTime": {"shape": "Timestamp"}}
SHAPES = {
    "WidgetName": {"type": "string", "max": 20, "min": 1, "pattern": "[a-z]+"},
    "WidgetColour": {"type": "string", "enum": ["Red", "Green"]},
    "WidgetArn": {"type": "string"},
    "WidgetStatus": {"type": "string", "enum": ["Creating", "Ready", "Failed"]},
    "CreateWidgetRequest": {"type": "structure", "required": ["WidgetName"], "members": MEMBERS},
    "CreateWidgetResponse": {"type": "structure", "members": {"WidgetArn": {"shape": "WidgetArn"}}},
    "DescribeWidgetRequest": {
        "type": "structure", "required": ["WidgetName"], "members": {"WidgetName": {"shape": "WidgetName"}},
    },
    "DescribeWidgetResponse": {
        "type": "structure",
        "members": {
            **MEMBERS, **TIME, "WidgetArn": {"shape": "WidgetArn"}, "WidgetStatus": {"shape": "WidgetStatus"},
        },
    },
    "ListWidgetsRequest": {"type": "structure", "members": {"NameContains": {"shape": "WidgetName"}}},
    "WidgetSummary": {"type": "structure", "required": ["WidgetName"], "members": {**MEMBERS, **TIME}},
    "WidgetSummaries": {"type": "list", "member": {"shape": "WidgetSummary"}},
    "ListWidgetsResponse": {
        "type": "structure", "members": {"Widgets": {"shape": "WidgetSummaries"}, "NextToken": {"shape": "NextToken"}},
    },
}  # fmt: skip


def newer() -> ServiceModel:
    """The installed model with a resource type of next year."""
    model = copy.copy(load("sagemaker"))
    model.shapes = model.shapes | SHAPES
    operations = dict(model.operations)
    for name in ("CreateWidget", "DescribeWidget", "ListWidgets"):
        operations[name] = {"input": {"shape": f"{name}Request"}, "output": {"shape": f"{name}Response"}}
    operations["DeleteWidget"] = {"input": {"shape": "DescribeWidgetRequest"}}
    operations["PaintWidget"] = {"input": {"shape": "DescribeWidgetRequest"}}
    model.operations = operations
    return model


def test_a_new_resource_type_is_created_described_listed_and_deleted(tmp_path: Path) -> None:
    async def main() -> None:
        model = newer()
        engine = Engine(Resources(tmp_path / "sageyard.db"), ShiftedClock(), derive(model), "123456789012")
        operations = Operations(model, engine, {}, {})
        assert {operations.table[name].grade for name in ("CreateWidget", "DescribeWidget", "ListWidgets")} == {
            "stored only"
        }
        assert operations.table["PaintWidget"].grade == "refused"
        region = "us-east-1"
        created = await operations.call("CreateWidget", {"WidgetName": "one", "Colour": "Red"}, region=region)
        assert created == {"WidgetArn": "arn:aws:sagemaker:us-east-1:123456789012:widget/one"}
        described = await operations.call("DescribeWidget", {"WidgetName": "one"}, region=region)
        assert (described["Colour"], described["WidgetStatus"]) == ("Red", "Creating")
        listed = await operations.call("ListWidgets", {"NameContains": "on"}, region=region)
        assert [entry["WidgetName"] for entry in listed["Widgets"]] == ["one"]
        await operations.call("DeleteWidget", {"WidgetName": "one"}, region=region)
        assert await operations.call("ListWidgets", {}, region=region) == {"Widgets": []}
        await engine.close()

    asyncio.run(main())

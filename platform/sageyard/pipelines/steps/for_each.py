"""The ForEach step: its body once an item, some at a time; the best iteration may be selected."""

import json
from typing import Any

from sageyard.pipelines.expressions import ExpressionError, follow, parts
from sageyard.pipelines.steps.base import Iteration, StepFailedError, StepRun, StepType
from sageyard.resources.spec import Document

MOST_AT_ONCE = 50


class ForEach(StepType):
    """Fails where a child step failed, after all iterations have ended."""

    type = "ForEach"

    async def finish(self, run: StepRun) -> Document:
        items = _items(run.arguments["IterableItems"])
        at_once = min(int(run.arguments.get("MaxConcurrency", 1)), MOST_AT_ONCE)
        iterations = await run.iterate(items, at_once)
        statuses = [status for iteration in iterations for status in iteration.statuses.values()]
        counts = {name: statuses.count(name) for name in ("Succeeded", "Failed", "Stopped")}
        status = "Failed" if counts["Failed"] else "Stopped" if counts["Stopped"] else "Succeeded"
        metadata: Document = {
            "Status": status,
            "InputItemCount": len(items),
            "TotalStepCount": len(statuses),
            **{f"{name}StepCount": count for name, count in counts.items()},
        }
        properties = metadata | {"IterationOutputs": [iteration.properties for iteration in iterations]}
        if "Selector" in run.document["Arguments"] and status == "Succeeded" and iterations:
            step, index = _selected(run.document["Arguments"]["Selector"], iterations)
            metadata["Selector"] = {"StepName": step, "Index": index}
            properties["Selected"] = iterations[index].properties[step]
        run.save_metadata({"ForEach": metadata})
        if status != "Succeeded":
            raise StepFailedError(f"{counts['Failed'] + counts['Stopped']} of {len(statuses)} child steps {status}")
        return properties


def _items(value: Any) -> list[Any]:
    """A list, or a text that is the JSON of one; items that are JSON objects in a text are objects."""
    try:
        items = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise StepFailedError(f"IterableItems {value!r} is no list, nor the JSON of one")
    return [_parsed(item) for item in items]


def _parsed(item: Any) -> Any:
    if isinstance(item, str) and item.lstrip().startswith(("{", "[")):
        try:
            return json.loads(item)
        except ValueError:
            return item
    return item


def _selected(selector: Document, iterations: list[Iteration]) -> tuple[str, int]:
    """The body step that was compared, and the iteration with the largest or smallest value."""
    path = parts(selector["Field"]["Get"])  # IterationOutput.<body step>.<member>…
    step = str(path[1])
    try:
        values = [float(follow(one.properties[step], path[2:], selector["Field"]["Get"])) for one in iterations]
    except (ExpressionError, TypeError, ValueError) as error:
        raise StepFailedError(f"The Selector cannot compare {selector['Field']['Get']}: {error}") from None
    best = max(values) if selector["Pick"] == "MaxBy" else min(values)
    return step, values.index(best)

"""A definition as a Mermaid flowchart: what follows what, and, of an execution, how each step has ended."""

from collections.abc import Iterator, Mapping

from sageyard.pipelines.definition import Definition, Step

COLOURS = {"Succeeded": "#d5f0d8", "Failed": "#f6cfcf", "Stopped": "#e6e6e6", "Executing": "#d4e4f7"}


def mermaid(definition: Definition, statuses: Mapping[str, str] | None = None) -> str:
    """The text of the chart; `statuses` are those of an execution's steps, by name."""
    numbers: dict[str, str] = {}
    lines = ["flowchart TD", *_nodes(list(definition.steps.values()), numbers, statuses or {}, "  ")]
    for step in definition.steps.values():
        for needed, trigger in step.needs.items():
            label = f"|{trigger}|" if trigger != "Completed" else ""
            if step.branch is not None and needed == step.branch[0]:
                label = f"|{'if' if step.branch[1] else 'else'}|"
            lines.append(f"  {numbers[needed]} -->{label} {numbers[step.name]}")
    lines += [
        f"  classDef {name} fill:{colour}" for name, colour in COLOURS.items() if name in set((statuses or {}).values())
    ]
    return "\n".join(lines) + "\n"


def _nodes(steps: list[Step], numbers: dict[str, str], statuses: Mapping[str, str], indent: str) -> Iterator[str]:
    for step in steps:
        number = numbers[step.name] = f"s{len(numbers)}"
        status = statuses.get(step.name)
        shown = f"{step.name.replace(chr(34), '#quot;')}<br/><i>{step.type}</i>" + (f"<br/>{status}" if status else "")
        mark = f":::{status}" if status in COLOURS else ""
        if step.body:
            yield f'{indent}subgraph {number}["{shown}"]'
            yield from _nodes(list(step.body), numbers, statuses, f"{indent}  ")
            yield f"{indent}end"
        elif step.type == "Condition":
            yield f'{indent}{number}{{"{shown}"}}{mark}'
        else:
            yield f'{indent}{number}["{shown}"]{mark}'

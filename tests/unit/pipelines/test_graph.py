"""Pipelines drawn."""

import json
from typing import Any

from click.testing import CliRunner
from sageyard.cli import main
from sageyard.pipelines.definition import read
from sageyard.pipelines.graph import mermaid
from sageyard.pipelines.hooks import TYPES

from tests.conftest import ROLE, Server, eventually


def step(name: str, kind: str = "Training", arguments: Any = None, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments or {}, **members}


def text() -> str:
    each = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [step("Inner")]}
    steps = [
        step("Train", arguments={"x": {"Get": "Steps.Each.Status"}}),
        step("Each", "ForEach", each),
        step("Tell", "Lambda", FunctionArn="arn", DependsOn=[{"Step": "Train", "Trigger": "Failed"}]),
        step("Decide", "Condition", {"Conditions": [], "IfSteps": [step("Good")],
                                     "ElseSteps": [step("Bad", "Fail", {"ErrorMessage": "no"})]},
             DependsOn=["Train"]),
    ]  # fmt: skip
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


def test_a_chart_shows_branches_triggers_bodies_and_statuses() -> None:
    chart = mermaid(read(text(), TYPES), {"Train": "Failed", "Each": "Succeeded"})
    assert chart.splitlines() == [
        "flowchart TD",
        '  s0["Train<br/><i>Training</i><br/>Failed"]:::Failed',
        '  subgraph s1["Each<br/><i>ForEach</i><br/>Succeeded"]',
        '    s2["Inner<br/><i>Training</i>"]',
        "  end",
        '  s3["Tell<br/><i>Lambda</i>"]',
        '  s4{"Decide<br/><i>Condition</i>"}',
        '  s5["Good<br/><i>Training</i>"]',
        '  s6["Bad<br/><i>Fail</i>"]',
        "  s1 --> s0",
        "  s0 -->|Failed| s3",
        "  s0 --> s4",
        "  s4 -->|if| s5",
        "  s4 -->|else| s6",
        "  classDef Succeeded fill:#d5f0d8",
        "  classDef Failed fill:#f6cfcf",
    ]


def test_the_command_line_draws_a_pipeline_and_an_execution(server: Server, sagemaker: Any, unique: str) -> None:
    name = unique.replace("_", "-")
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step("No", "Fail", {"ErrorMessage": "no"})]})
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    eventually(
        lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Failed"
    )
    place = ["--port", server.url.rpartition(":")[2], "--state-dir", str(server.state_dir)]

    def run(*arguments: str) -> tuple[int, str]:
        finished = CliRunner().invoke(main, ["pipelines", "graph", *arguments, *place])
        return finished.exit_code, finished.output

    assert run(name) == (0, 'flowchart TD\n  s0["No<br/><i>Fail</i>"]\n')
    code, drawn = run(name, "--execution", arn)
    assert (code, drawn.splitlines()[1]) == (0, '  s0["No<br/><i>Fail</i><br/>Failed"]:::Failed')
    code, told = run("nobody")
    assert code == 1
    assert "nobody" in told

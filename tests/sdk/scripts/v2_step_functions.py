"""SageMaker SDK v2, unmodified: functions with @step in a pipeline, one that fails, and a notebook job."""

import json
import sys
import sysconfig
from pathlib import Path

import sagemaker
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline

folder = Path(sys.argv[1])
session = sagemaker.Session()
role = sagemaker.get_execution_role()
image = sagemaker.image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large")
common = {"image_uri": image, "instance_type": "ml.m5.large", "role": role}
offline = {"PIP_NO_INDEX": "1"}  # the SDK has every job install the SDK: here it is there, or cannot be had
with_sdk = {**common, "environment_variables": offline | {"PYTHONPATH": sysconfig.get_path("purelib")}}
report = {}


@step(name="Double", **with_sdk)
def double(number):
    print("doubling", number)
    return {"twice": 2 * number}


@step(name="Add", **with_sdk)
def add(left, right):
    return left + right


@step(name="Breaks", **with_sdk)
def breaks():
    raise ValueError("there is a reason")


@step(name="Bare", **common, environment_variables=offline)
def bare():
    return 1


def run(name, steps, parameters=()):
    """A pipeline's execution at its end: its statuses, reasons by step, and itself."""
    pipeline = Pipeline(name, parameters=list(parameters), steps=steps, sagemaker_session=session)
    pipeline.upsert(role_arn=role)
    execution = pipeline.start()
    try:
        execution.wait(delay=1, max_attempts=120)
    except Exception as error:
        report.setdefault("waiting", []).append(str(error)[:100])
    steps = {one["StepName"]: one.get("FailureReason") or one["StepStatus"] for one in execution.list_steps()}
    return execution.describe()["PipelineExecutionStatus"], steps, execution


start = ParameterInteger("Start", default_value=20)
doubled = double(start)
total = add(doubled["twice"], 2)
decide = ConditionStep(
    "Decide", conditions=[ConditionGreaterThan(left=total, right=41)], if_steps=[], else_steps=[FailStep("Less")]
)
report["status"], report["steps"], execution = run("v2-functions", [decide], [start])
if report["status"] == "Succeeded":
    report["result"] = execution.result("Add")
notebook = folder / "note.ipynb"
notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
note = NotebookJobStep(
    name="Note", input_notebook=str(notebook), image_uri=image,
    kernel_name="python3", role=role,
)  # fmt: skip
report["broken"] = run("v2-broken", [breaks(), bare(), note])[:2]
print("REPORT " + json.dumps(report))

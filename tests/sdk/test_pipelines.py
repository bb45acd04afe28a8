"""Pipelines through the SageMaker Python SDKs, unmodified, against a live server."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[[int, str], dict[str, Any]]


@pytest.mark.timeout(300)
def test_sdk_v2_runs_a_pipeline_to_a_registered_model_and_its_scores(run_script: Run) -> None:
    report = run_script(2, "v2_pipeline")
    assert report["status"] == "Succeeded", report["steps"]
    assert set(report["steps"]) == {
        "Prepare", "Check", "Train", "Evaluate", "Decide", "Register-RegisterModel", "Create-CreateModel", "Score",
    }  # fmt: skip
    assert {status for status, _ in report["steps"].values()} == {"Succeeded"}
    assert {one["Name"]: one["Value"] for one in report["parameters"]} == {
        "Threshold": "0.8", "Rounds": "20", "Approval": "Approved", "SkipCheck": "true",
    }  # fmt: skip
    assert report["approval"] == "Approved"
    assert report["accuracy"] > 0.85
    assert report["second"] == "Failed"
    succeeded = dict.fromkeys(("Prepare", "Check", "Train", "Evaluate", "Decide"), "Succeeded")
    assert report["second_steps"] == succeeded | {"TooBad": "Failed"}
    assert report["reason"] == "accuracy is below 1.01"
    assert report["cached"] is True
    assert report["checked"] == [False, report["baseline"]]
    assert report["rounds"] == "2"
    assert report["executions"] == 2


@pytest.mark.timeout(300)
def test_sdk_v3_runs_a_pipeline_with_a_loop_a_cleanup_and_a_follow_up(run_script: Run) -> None:
    report = run_script(3, "v3_pipeline")
    assert report["status"] == "Succeeded", report["steps"]
    assert set(report["steps"]) == {
        "Prepare", "Depth", "TryDepth-0", "TryDepth-1", "Train", "Evaluate", "Decide", "Register", "Create", "Score",
        "Tidy",
    }  # fmt: skip
    assert {status for status, _ in report["steps"].values()} == {"Succeeded"}
    assert report["selector"]["Selector"] == {"StepName": "TryDepth", "Index": 1}
    assert report["depth"] == "4"
    assert report["approval"] == "Approved"
    assert report["accuracy"] > 0.85
    assert report["tidied"] == ["Prepare"]
    assert report["features"] == []
    selected, steps = report["selected"]
    assert selected == "Failed"
    assert steps == dict.fromkeys(("Prepare", "Train", "Evaluate", "Decide"), "Succeeded") | {"TooBad": "Failed"}
    assert report["reason"] == "accuracy is below 1.01"
    assert report["taken"] is True
    followed, steps = report["followed"]
    assert followed == "CompletedWithFailures"
    assert (steps["Train"], steps["Told"]) == ("Failed", "Succeeded")
    assert "Evaluate" not in steps
    assert report["cached"] is True
    assert report["stopped"] == ["Stopped", "Stopped"]
    assert report["retried"] == ["Succeeded", "Succeeded", ""]
    assert report["executions"] == 3


@pytest.mark.timeout(300)
def test_sdk_v2_runs_functions_as_steps_and_says_what_they_lack(run_script: Run) -> None:
    report = run_script(2, "v2_step_functions")
    assert report["status"] == "Succeeded", report["steps"]
    assert report["result"] == 42
    broken, reasons = report["broken"]
    assert broken == "Failed"
    assert reasons["Breaks"].startswith("AlgorithmError: ValueError('there is a reason')")
    assert reasons["Bare"].startswith("The job could not install the SageMaker SDK, which a function with @step needs")
    assert "pip install 'sageyard[sdk]'" in reasons["Bare"]
    assert reasons["Note"].startswith("The image has no amazon_sagemaker_scheduler, which runs notebook jobs")
    assert "sagemaker-distribution-prod" in reasons["Note"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", [2, 3])
def test_notebook_jobs_run_as_steps_with_parameters_and_say_which_cell_failed(run_script: Run, version: int) -> None:
    report = run_script(version, f"v{version}_notebook_job")
    assert report["status"] == "Succeeded", report["steps"]
    assert report["first"] == "Acme 0.5 from the script"
    assert report["second"] == f"after {report['job']} Completed note.ipynb {report['notebook']}"
    assert report["files"] == sorted(["note.ipynb", report["notebook"], "sagemaker_job_execution.log"])
    assert report["place"].endswith(
        f"/v{version}-notebooks/{report['execution']}/First/{report['job']}/output/output.tar.gz"
    )
    broken, reason = report["broken"]
    assert broken == "Failed"
    assert reason.startswith(
        "AlgorithmError: [SM-111] Error with executing notebook\n"
        'Exception encountered at "In [2]": ZeroDivisionError: division by zero\n'
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", [2, 3])
def test_the_data_of_a_transform_job_are_checked_before_or_after_it(run_script: Run, version: int) -> None:
    report = run_script(version, "checked_transform")
    normal, drifted = report["normal"], report["drifted"]
    names = ("Baseline", "Before-monitoring", "Before-transform", "After-transform", "After-monitoring")
    assert (normal["status"], normal["steps"]) == ("Succeeded", dict.fromkeys(names, "Succeeded"))
    assert normal["order"] == [True, True]
    assert normal["violations"] == ""
    assert drifted["status"] == "Failed"
    assert "Before-transform" not in drifted["steps"]
    assert drifted["steps"]["Before-monitoring"].startswith("ClientError: The check found violations: see s3://")
    assert drifted["steps"]["After-monitoring"] == "Succeeded", "violations do not fail this one"
    assert drifted["violations"].endswith("/After/constraint_violations.json")

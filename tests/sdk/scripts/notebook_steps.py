"""Notebook jobs as steps of a pipeline, one of which fails, with the classes of either SDK."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import boto3


class Notebooks:
    """Pipelines of notebook jobs in a folder, and what became of them."""

    def __init__(self, folder: Path, step: Any, parameter: Any, pipeline: Any, session: Any, role: str) -> None:
        self.folder, self.step, self.parameter, self.pipeline = folder, step, parameter, pipeline
        self.session, self.role = session, role
        registry = f"885854791233.dkr.ecr.{session.boto_region_name}.amazonaws.com"
        self.common = {
            "image_uri": f"{registry}/sagemaker-distribution-prod:2-cpu",
            "kernel_name": "python3",
            "role": role,
        }

    def notebook(self, name: str, *cells: str, tagged: str = "company = 'nobody'") -> str:
        """A notebook file with a cell of default parameters and others."""
        sources = [(tagged, {"tags": ["parameters"]}), *((cell, {}) for cell in cells)]
        written = [
            {"cell_type": "code", "id": f"c{number}", "source": source, "metadata": metadata, "outputs": [],
             "execution_count": None}
            for number, (source, metadata) in enumerate(sources)
        ]  # fmt: skip
        path = self.folder / name
        path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return str(path)

    def run(self, name: str, steps: list[Any], parameters: Any = (), **values: str) -> tuple[str, dict[str, Any]]:
        """A pipeline's execution at its end: its status and its steps by name."""
        pipeline = self.pipeline(name, parameters=list(parameters), steps=steps, sagemaker_session=self.session)
        pipeline.upsert(role_arn=self.role)
        execution = pipeline.start(parameters=values)
        try:
            execution.wait(delay=1, max_attempts=120)
        except Exception as error:
            print(f"waiting ended: {error}")
        listed = {one["StepName"]: one for one in execution.list_steps()}
        return execution.describe()["PipelineExecutionStatus"], listed

    def report(self, prefix: str) -> dict[str, Any]:
        """Two notebooks, the second of which has properties of the first, and one that fails."""
        folder = self.folder
        (folder / "init.sh").write_text("export SAID='from the script'\n")
        (folder / "lib").mkdir()
        (folder / "lib" / "greeting.py").write_text(
            "import os\ndef said(company, rate): return f'{company} {rate} {os.environ[\"SAID\"]}'\n"
        )
        company = self.parameter("Company", default_value="nobody")
        first = self.step(
            name="First",
            input_notebook=self.notebook(
                "note.ipynb",
                "import os\nfrom lib.greeting import said",
                "print(said(company, os.environ['RATE']))",
            ),
            initialization_script=str(folder / "init.sh"),
            additional_dependencies=[str(folder / "lib")],
            parameters={"company": company},
            environment_variables={"RATE": "0.5"},
            **self.common,
        )
        second = self.step(
            name="Second",
            input_notebook=self.notebook("second.ipynb", "print('after', job, status, source, result)", tagged=""),
            parameters={
                "job": first.properties.ComputingJobName,
                "status": first.properties.ComputingJobStatus,
                "source": first.properties.InputNotebookName,
                "result": first.properties.OutputNotebookName,
            },
            **self.common,
        )
        status, steps = self.run(f"{prefix}-notebooks", [first, second], [company], Company="Acme")
        report: dict[str, Any] = {"status": status}
        report["steps"] = {name: one.get("FailureReason") or one["StepStatus"] for name, one in steps.items()}
        if status == "Succeeded":
            job, report["place"], report["files"], report["first"] = executed(steps["First"])
            report["job"], report["notebook"] = job["TrainingJobName"], job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]
            report["execution"] = job["OutputDataConfig"]["S3OutputPath"].split("/")[-2]
            report["second"] = executed(steps["Second"])[-1]
        broken = self.step(name="Broken", input_notebook=self.notebook("broken.ipynb", "1 / 0"), **self.common)
        status, steps = self.run(f"{prefix}-broken-notebook", [broken])
        return report | {"broken": [status, steps["Broken"].get("FailureReason", "")]}


def executed(step: dict[str, Any]) -> tuple[dict[str, Any], str, list[str], str]:
    """A step's training job, the place and the files of its output, and what its notebook printed."""
    name = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
    place = f"{job['OutputDataConfig']['S3OutputPath']}/{job['TrainingJobName']}/output/output.tar.gz"
    bucket, _, key = place.removeprefix("s3://").partition("/")
    archive = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    wanted = job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        names = sorted(Path(one.name).name for one in files.getmembers() if one.isfile())
        member = next(one for one in files.getmembers() if Path(one.name).name == wanted)
        cells = json.loads(files.extractfile(member).read())["cells"]
    shown = "".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))
    return job, place, names, shown.strip()

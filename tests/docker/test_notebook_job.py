"""A notebook job in its image, as NotebookJobStep asks for one."""

import io
import json
import tarfile

import pytest

from tests.docker.conftest import Work

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

IMAGE = "885854791233.dkr.ecr.us-east-1.amazonaws.com/sagemaker-distribution-prod:2-cpu"
CHANNEL = "sagemaker_headless_execution_pipelinestep"


def test_a_notebook_runs_in_its_image_with_the_jobs_parameters(work: Work, built_images: None, unique: str) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    source = "import json\nprint('read', json.loads(script)['depth'])"
    notebook = {"cells": [cell | {"source": source}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    work.s3.put_object(Bucket="jobs", Key=f"{unique}/note.ipynb", Body=json.dumps(notebook).encode())
    place = {"S3DataType": "S3Prefix", "S3Uri": f"s3://jobs/{unique}", "S3DataDistributionType": "FullyReplicated"}
    job = work.train(
        unique, IMAGE, {"depth": 4},  # type: ignore[arg-type]  # the hyperparameter that the helper has room for
        AlgorithmSpecification={"ContainerEntrypoint": ["amazon_sagemaker_scheduler"]},
        InputDataConfig=[{"ChannelName": CHANNEL, "DataSource": {"S3DataSource": place}}],
        Environment={
            "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
            "SM_INPUT_NOTEBOOK_NAME": "note.ipynb",
            "SM_OUTPUT_NOTEBOOK_NAME": "done.ipynb",
            "SM_KERNEL_NAME": "python3",
        },
    )  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    packed = work.s3.get_object(Bucket="jobs", Key=f"output/{unique}/output/output.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {member.name.removeprefix("./"): member for member in archive.getmembers()}
        done = archive.extractfile(files["done.ipynb"])
        assert done is not None
        shown = [output for one in json.load(done)["cells"] for output in one.get("outputs", ())]
    assert any("read 4" in "".join(output.get("text", "")) for output in shown)
    assert "read 4" in "\n".join(work.log("/aws/sagemaker/TrainingJobs", unique))

"""SageMaker SDK v3, unmodified: Mode.LOCAL_CONTAINER training, a local processor and a local pipeline."""

import json
import logging
import sys
import tarfile
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.workflow.pipeline_context import LocalPipelineSession as StepSession
from sagemaker.mlops.local import LocalPipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.model_trainer import Mode
from tabular import csv, rows

logging.basicConfig(level=logging.INFO)
folder = Path(sys.argv[1])
code = Path(__file__).parent / "code"
role = "arn:aws:iam::123456789012:role/SageyardExecutionRole"
report = {}
session = LocalSession()
bucket = session.default_bucket()
s3 = session.boto_session.client("s3")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large")
(folder / "raw.csv").write_text(csv(list(rows(300, 3)), header=True))
session.upload_data(str(folder / "raw.csv"), bucket, "local-v3/raw")


def processing(session, target):
    """A script processor on this machine, and its input, output and arguments."""
    processor = ScriptProcessor(
        image_uri=image, role=role, command=["python3"], instance_type="local", instance_count=1,
        sagemaker_session=session,
    )  # fmt: skip
    raw = ProcessingS3Input(
        s3_uri=f"s3://{bucket}/local-v3/raw/raw.csv",
        local_path="/opt/ml/processing/input",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    train = ProcessingS3Output(
        s3_uri=f"s3://{bucket}/{target}", local_path="/opt/ml/processing/train", s3_upload_mode="EndOfJob"
    )
    return processor.run(
        code=str(code / "prepare.py"),
        inputs=[ProcessingInput(input_name="raw", s3_input=raw)],
        outputs=[ProcessingOutput(output_name="train", s3_output=train)],
        arguments=["--bucket", bucket, "--key", f"{target}-from-inside"],
    )


def read(key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


processing(session, "local-v3/prepared")
report["prepared"] = read("local-v3/prepared/train.csv").count("\n")
report["from_processing"] = read("local-v3/prepared-from-inside")


def train(name, data, count=1, strength=0.5):
    root = folder / name
    root.mkdir()
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=image,
        role=role,
        source_code=SourceCode(source_dir=str(code), entry_script="train.py"),
        compute=Compute(instance_type="local_cpu", instance_count=count),
        hyperparameters={"strength": strength, "bucket": bucket, "key": f"local-v3/{name}"},
        local_container_root=str(root),
    )
    trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)])
    with tarfile.open(root / "compressed_artifacts" / "model.tar.gz") as archive:
        return archive.getnames()


(folder / "data").mkdir()
(folder / "data" / "train.csv").write_text(read("local-v3/prepared/train.csv"))
report["of_folder"] = train("folder", str(folder / "data")), read("local-v3/folder")
report["of_s3"] = train("s3", f"s3://{bucket}/local-v3/prepared"), read("local-v3/s3")
report["of_two"] = train("two", f"s3://{bucket}/local-v3/prepared", count=2), read("local-v3/two")
try:
    train("failing", str(folder / "data"), strength="none")
except RuntimeError as error:
    report["failure"] = str(error)

# v3 has two classes of this name: the core's holds a step back, the other runs pipelines, which Pipeline.start cannot.
prepare = ProcessingStep("Prepare", step_args=processing(StepSession(), "local-v3/pipeline"))
local = LocalPipelineSession()
local.create_pipeline(Pipeline("local-v3", steps=[prepare], sagemaker_session=local), "")
execution = local.start_pipeline_execution("local-v3")
report["pipeline"] = execution.describe()["PipelineExecutionStatus"]
report["from_pipeline"] = read("local-v3/pipeline-from-inside")

print("REPORT", json.dumps(report))

"""SageMaker SDK v3, unmodified: processing scripts, script mode by entry script and by command, build, deploy."""

import json
import sys
import time
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import (
    MetricDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from tabular import csv, rows

folder = Path(sys.argv[1])
source = folder / "source"
source.mkdir()
(source / "requirements.txt").write_text("numpy\n")  # there already: pip has nothing to download
(source / "train.py").write_text(
    """
import argparse, json, os
import joblib, numpy
from sklearn.linear_model import LogisticRegression

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    args = parser.parse_args()
    print("hyperparameters", json.loads(os.environ["SM_HPS"]), "on", os.environ["SM_CURRENT_HOST"])
    table = numpy.loadtxt(os.path.join(args.train, "train.csv"), delimiter=",")
    model = LogisticRegression(C=args.strength).fit(table[:, 1:], table[:, 0])
    print(f"accuracy={model.score(table[:, 1:], table[:, 0]):.4f};")
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
"""
)
prepare = folder / "prepare"
prepare.mkdir()
(prepare / "requirements.txt").write_text("numpy\n")
(prepare / "header.py").write_text("def without(lines):\n    return lines[1:]\n")
(prepare / "prepare.py").write_text(
    """
import pathlib, sys
from header import without
base = pathlib.Path("/opt/ml/processing")
lines = without((base / "input" / "raw.csv").read_text().splitlines())
(base / "train").mkdir(exist_ok=True)
(base / "train" / "train.csv").write_text("\\n".join(lines) + "\\n")
print("prepared", len(lines), "rows with", sys.argv[1:])
"""
)
(folder / "count.py").write_text(
    """
import pathlib
for path in sorted(pathlib.Path("/opt/ml/processing/train").iterdir()):
    print("counted", len(path.read_text().splitlines()), "rows in", path.name)
"""
)
(folder / "raw.csv").write_text(csv(rows(300, 3), header=True))
report = {"seconds": {}}
role = "arn:aws:iam::123456789012:role/SageyardExecutionRole"
session = Session()
bucket = session.default_bucket()
session.upload_data(str(folder / "raw.csv"), bucket, "v3sk/raw")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large")
instances = {"instance_type": "ml.m5.large", "instance_count": 1}


def timed(name, function, **arguments):
    started = time.monotonic()
    result = function(**arguments)
    report["seconds"][name] = round(time.monotonic() - started, 2)
    return result


def channel(name, uri, path):
    """A processing input, for which the v3 has no shorter form than its API's."""
    place = ProcessingS3Input(s3_uri=uri, local_path=path, s3_data_type="S3Prefix", s3_input_mode="File")
    return ProcessingInput(input_name=name, s3_input=place)


framework = FrameworkProcessor(image_uri=image, role=role, command=["python3"], **instances)
prepared = ProcessingS3Output(
    s3_uri=f"s3://{bucket}/v3sk/train", local_path="/opt/ml/processing/train", s3_upload_mode="EndOfJob"
)
timed(
    "framework_processor",
    framework.run,
    code="prepare.py",
    source_dir=str(prepare),
    inputs=[channel("raw", f"s3://{bucket}/v3sk/raw/raw.csv", "/opt/ml/processing/input")],
    outputs=[ProcessingOutput(output_name="train", s3_output=prepared)],
    arguments=["--test-size", "0.2"],
)
script = ScriptProcessor(image_uri=image, role=role, command=["python3"], **instances)
timed(
    "script_processor",
    script.run,
    code=str(folder / "count.py"),
    inputs=[channel("train", f"s3://{bucket}/v3sk/train", "/opt/ml/processing/train")],
)
report["processing_statuses"] = [
    processor.latest_job.refresh().processing_job_status for processor in (framework, script)
]


def train(name, strength, **source_code):
    """Train on what the processing job has written; the finished job."""
    trainer = ModelTrainer(
        training_image=image,
        role=role,
        base_job_name=name,
        source_code=SourceCode(source_dir=str(source), **source_code),
        compute=Compute(**instances),
        hyperparameters={"strength": strength},
    ).with_metric_definitions([MetricDefinition(name="accuracy", regex="accuracy=([0-9.]+);")])
    train_data = InputData(channel_name="train", data_source=f"s3://{bucket}/v3sk/train")
    timed(name, trainer.train, input_data_config=[train_data])
    return trainer._latest_training_job.refresh()  # the SDK keeps the job there, and has no public name for it


by_script = train("v3-script", 0.5, entry_script="train.py", requirements="requirements.txt")
by_command = train("v3-command", 0.5, command="python3 train.py", args=["--strength", 0.25])
report["training_statuses"] = [job.training_job_status for job in (by_script, by_command)]
report["metrics"] = [
    {metric.metric_name: metric.value for metric in job.final_metric_data_list} for job in (by_script, by_command)
]

builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=by_script.model_artifacts.s3_model_artifacts,
    source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
    role_arn=role,
    instance_type="ml.m5.large",
)
model = timed("build", builder.build)
endpoint = timed("deploy", builder.deploy, endpoint_name="v3-script", initial_instance_count=1)
test = list(rows(200, 9))
answer = endpoint.invoke(body=csv(test, label=False), content_type="text/csv", accept="application/json")
labels = json.loads(answer.body.read())
report["accuracy"] = sum(label == row[0] for label, row in zip(labels, test, strict=True)) / len(test)
endpoint.delete()
model.delete()

try:
    train("v3-failing", "none", entry_script="train.py")
except FailedStatusError as error:
    report["failure"] = str(error)
print("REPORT " + json.dumps(report))

"""SageMaker SDK v2, unmodified: scikit-learn script mode with requirements, deploy, and script processing."""

import json
import sys
from pathlib import Path

import numpy
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from tabular import csv, rows

folder = Path(sys.argv[1])
source = folder / "source"
source.mkdir()
(source / "train.py").write_text(
    """
import argparse, os
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
    table = numpy.loadtxt(os.path.join(args.train, "train.csv"), delimiter=",")
    model = LogisticRegression(C=args.strength).fit(table[:, 1:], table[:, 0])
    print(f"accuracy={model.score(table[:, 1:], table[:, 0]):.4f};")
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
"""
)
(folder / "prepare.py").write_text(
    """
import pathlib, sys
base = pathlib.Path("/opt/ml/processing")
lines = (base / "input" / "raw.csv").read_text().splitlines()
(base / "train").mkdir(exist_ok=True)
(base / "train" / "train.csv").write_text("\\n".join(lines[1:]) + "\\n")
print("prepared", len(lines) - 1, "rows with", sys.argv[1:])
"""
)
(folder / "raw.csv").write_text(csv(rows(300, 3), header=True))
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()

processor = SKLearnProcessor(framework_version="1.2-1", role=role, instance_count=1, instance_type="ml.m5.large")
processor.run(
    code=str(folder / "prepare.py"),
    inputs=[ProcessingInput(source=str(folder / "raw.csv"), destination="/opt/ml/processing/input")],
    outputs=[
        ProcessingOutput(
            output_name="train", source="/opt/ml/processing/train", destination=f"s3://{bucket}/v2sk/train"
        )
    ],
    arguments=["--test-size", "0.2"],
)
report["processing_status"] = processor.latest_job.describe()["ProcessingJobStatus"]

estimator = SKLearn(
    entry_point="train.py",
    source_dir=str(source),
    framework_version="1.2-1",
    role=role,
    instance_type="ml.m5.large",
    hyperparameters={"strength": 0.5},
    metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
)
estimator.fit({"train": f"s3://{bucket}/v2sk/train"})
job = estimator.latest_training_job.describe()
report["training_status"] = job["TrainingJobStatus"]
report["metrics"] = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
test = list(rows(200, 9))
answers = predictor.predict(numpy.array([row[1:] for row in test]))
report["accuracy"] = float((answers == numpy.array([row[0] for row in test])).mean())
predictor.delete_endpoint()

failing = SKLearn(
    entry_point="train.py",
    source_dir=str(source),
    framework_version="1.2-1",
    role=role,
    instance_type="ml.m5.large",
    hyperparameters={"strength": "none"},
)
try:
    failing.fit({"train": f"s3://{bucket}/v2sk/train"})
except sagemaker.exceptions.UnexpectedStatusException as error:
    report["failure"] = str(error)
print("REPORT " + json.dumps(report))

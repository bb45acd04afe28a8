"""Runs in the SDK's virtual environment: SECONDS of training in script mode, then an endpoint."""

import json
import sys
import time
from pathlib import Path

import sagemaker
from sagemaker.sklearn import SKLearn

TRAIN = f"""
import os, pathlib, time

def model_fn(folder):
    return pathlib.Path(folder, "model.txt").read_text()

if __name__ == "__main__":
    time.sleep({float(sys.argv[1])})
    pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("42")
"""

source = Path("source")
source.mkdir()
(source / "train.py").write_text(TRAIN)
estimator = SKLearn(
    entry_point="train.py",
    source_dir=str(source),
    framework_version="1.2-1",
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
)
begun = time.perf_counter()
estimator.fit()
trained = time.perf_counter()
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large")
deployed = time.perf_counter()
predictor.delete_endpoint()
print("REPORT " + json.dumps({"fit": trained - begun, "deploy": deployed - trained}))

"""SageMaker SDK v2, unmodified: a tuner stops what is behind by Hyperband; another one starts from what it found."""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.sklearn import SKLearn
from sagemaker.tuner import (
    ContinuousParameter,
    HyperbandStrategyConfig,
    HyperparameterTuner,
    StrategyConfig,
    WarmStartConfig,
    WarmStartTypes,
)

TRAIN = """
import argparse, pathlib, time
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--epochs", type=int)
given, _ = parser.parse_known_args()  # the tuning job tells the name of its metric as well
for epoch in range(1, given.epochs + 1):
    print(f"epoch={epoch} loss={(given.rate - 0.3) ** 2 + 0.5 ** epoch:.6f}", flush=True)
    time.sleep(0.25)
pathlib.Path("/opt/ml/model/rate").write_text(str(given.rate))
"""

folder = Path(sys.argv[1])
(folder / "train.py").write_text(TRAIN)
session = sagemaker.Session()
client = session.sagemaker_client
logs = boto3.client("logs")
estimator = SKLearn(
    entry_point=str(folder / "train.py"), framework_version="1.2-1", instance_type="ml.m5.large",
    role=sagemaker.get_execution_role(), hyperparameters={"epochs": 9},
)  # fmt: skip
common = {
    "hyperparameter_ranges": {"rate": ContinuousParameter(0, 1)},
    "metric_definitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}],
    "objective_type": "Minimize",
}


def epochs(job):
    """How many epochs a training job printed."""
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job)
    name = streams["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=name)["events"]
    return sum(event["message"].startswith("epoch=") for event in events)


tuner = HyperparameterTuner(
    estimator, "loss", **common, strategy="Hyperband", max_jobs=7, max_parallel_jobs=4,
    strategy_config=StrategyConfig(HyperbandStrategyConfig(max_resource=9, min_resource=1)),
)  # fmt: skip
tuner.fit(job_name="v2-hyperband")
name = tuner.latest_tuning_job.name
listed = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, MaxResults=100)
report = {
    "name": name,
    "status": tuner.describe()["HyperParameterTuningJobStatus"],
    "best": tuner.best_training_job(),
    "jobs": [
        {"name": one["TrainingJobName"], "status": one["TrainingJobStatus"], "epochs": epochs(one["TrainingJobName"])}
        for one in listed["TrainingJobSummaries"]
    ],
}

warm = WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, parents={name})
narrow = common | {"hyperparameter_ranges": {"rate": ContinuousParameter(0.9, 1)}}
child = HyperparameterTuner(
    estimator, "loss", **narrow, strategy="Bayesian", max_jobs=2, max_parallel_jobs=2, warm_start_config=warm
)
child.fit(job_name="v2-hyperband-warm")
described = child.describe()
report["warm"] = {
    "status": described["HyperParameterTuningJobStatus"],
    "jobs": described["TrainingJobStatusCounters"]["Completed"],
    "parents": list(child.attach(child.latest_tuning_job.name, sagemaker_session=session).warm_start_config.parents),
    "overall": described["OverallBestTrainingJob"]["TuningJobName"],
}
other = common | {"metric_definitions": [{"Name": "error", "Regex": r"loss=(\S+)"}]}
try:
    HyperparameterTuner(estimator, "error", **other, max_jobs=1, warm_start_config=warm).fit(job_name="v2-unlike")
except client.exceptions.ClientError as error:
    report["refused"] = str(error)
print("REPORT " + json.dumps(report))

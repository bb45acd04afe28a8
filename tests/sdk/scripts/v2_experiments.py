"""SageMaker SDK v2, unmodified: Run logs everything it can, a job joins the run and logs to it, runs are listed."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.experiments import Run, list_runs, load_run
from sagemaker.sklearn import SKLearn
from tabular import csv, rows

folder = Path(sys.argv[1])
source = folder / "source"
source.mkdir()
(source / "train.py").write_text(
    """
import os
import boto3

client, metrics = boto3.client("sagemaker"), boto3.client("sagemaker-metrics")
job = client.describe_training_job(TrainingJobName=os.environ["TRAINING_JOB_NAME"])
run = job["ExperimentConfig"]["RunName"]  # what load_run does inside a job
for step in range(12):
    value = {"MetricName": "job:loss", "Timestamp": job["CreationTime"], "Step": step, "Value": 1 / (step + 1)}
    metrics.batch_put_metrics(TrialComponentName=run, MetricData=[value])
client.update_trial_component(TrialComponentName=run, Parameters={"in_job": {"StringValue": "yes"}})
print("accuracy=0.875;")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").write("model")
"""
)
(folder / "note.txt").write_text("a note")
(folder / "train.csv").write_text(csv(rows(50, 3)))
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
client = session.sagemaker_client
name = "v2-experiment"
data = session.upload_data(str(folder / "train.csv"), session.default_bucket(), "v2experiment")

with Run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_parameter("rate", 0.25)
    run.log_parameters({"depth": 3, "booster": "gbtree"})
    for step in range(25):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_metric("accuracy", 0.5)
    run.log_artifact("reference", "s3://bucket/reference", is_output=False)
    run.log_file(str(folder / "note.txt"), name="note")
    truth, guess, score = [1, 0, 1, 1], [1, 0, 0, 1], [0.9, 0.2, 0.4, 0.8]
    run.log_confusion_matrix(truth, guess, title="confusion")
    run.log_roc_curve(truth, score, title="roc")
    run.log_precision_recall(truth, score, title="recall")
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(source),
        framework_version="1.2-1",
        role=role,
        instance_type="ml.m5.large",
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
        sagemaker_session=session,
    )
    estimator.fit({"train": data}, job_name="v2-experiment-job")
    component = run._trial_component.trial_component_name

with load_run(experiment_name=name, run_name="first", sagemaker_session=session) as run:
    run.log_metric("accuracy", 0.75)
    report["parameters"] = dict(run._trial_component.parameters)
with Run(experiment_name=name, run_name="second", sagemaker_session=session) as run:
    run.log_metric("accuracy", 0.9)

try:
    with Run(experiment_name=name, run_name="failing", sagemaker_session=session):
        raise ValueError("out of luck")
except ValueError:
    report["failing"] = client.describe_trial_component(TrialComponentName=f"{name}-failing")["Status"]

described = client.describe_trial_component(TrialComponentName=component)
report["metrics"] = {
    one["MetricName"]: [one["Count"], one["Min"], one["Max"], one["Last"]] for one in described["Metrics"]
}
report["status"] = described["Status"]["PrimaryStatus"]
report["outputs"] = sorted(described["OutputArtifacts"])
report["inputs"] = sorted(described["InputArtifacts"])
report["sources"] = [one["SourceArn"] for one in described.get("Sources", [])]
produced = client.list_associations(SourceArn=described["TrialComponentArn"])["AssociationSummaries"]
report["produced"] = sorted(one["DestinationName"] for one in produced)
query = {"MetricName": "loss", "ResourceArn": described["TrialComponentArn"], "MetricStat": "Last",
         "Period": "IterationNumber", "XAxisType": "IterationNumber"}  # fmt: skip
result = session.sagemaker_metrics_client.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"][0]
report["steps"] = result["XAxisValues"]
report["runs"] = sorted(run.run_name for run in list_runs(experiment_name=name, sagemaker_session=session))
job = client.describe_trial_component(TrialComponentName="v2-experiment-job-aws-training-job")
report["job"] = {"source": job["Source"]["SourceType"], "metrics": [one["MetricName"] for one in job["Metrics"]]}
analytics = sagemaker.analytics.ExperimentAnalytics(experiment_name=name, sagemaker_session=session)
table = analytics.dataframe()
report["analytics"] = sorted(table["TrialComponentName"])
report["analytics_loss"] = float(table.set_index("TrialComponentName").loc[component]["loss - Min"])
sagemaker.experiments.Experiment.load(name, session)._delete_all(action="--force")
report["left"] = [one["ExperimentName"] for one in client.list_experiments()["ExperimentSummaries"]]
print("REPORT " + json.dumps(report))

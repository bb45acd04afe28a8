"""SageMaker SDK v2, unmodified: a tuner searches hyperparameters of built-in XGBoost, the best one is deployed."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter
from tabular import csv, rows

folder = Path(sys.argv[1])
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
channels = {}
for name, seed in (("train", 1), ("validation", 2)):
    (folder / f"{name}.csv").write_text(csv(rows(300, seed)))
    uri = session.upload_data(str(folder / f"{name}.csv"), bucket, "v2tuner")
    channels[name] = TrainingInput(uri, content_type="text/csv")

estimator = sagemaker.estimator.Estimator(
    sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"objective": "binary:logistic", "eval_metric": "auc", "num_round": 10},
)
tuner = HyperparameterTuner(
    estimator,
    "validation:auc",
    {
        "eta": ContinuousParameter(0.01, 0.5, scaling_type="Logarithmic"),
        "max_depth": IntegerParameter(1, 6),
        "booster": CategoricalParameter(["gbtree", "dart"]),
    },
    objective_type="Maximize",
    strategy="Bayesian",
    max_jobs=5,
    max_parallel_jobs=2,
)
tuner.fit(channels)
report = {"status": tuner.describe()["HyperParameterTuningJobStatus"], "best": tuner.best_training_job()}
frame = tuner.analytics().dataframe()
report["values"] = list(frame["FinalObjectiveValue"])
report["tuned"] = sorted(set(frame.columns) & {"eta", "max_depth", "booster"})
report["best_value"] = float(frame.set_index("TrainingJobName").loc[report["best"]]["FinalObjectiveValue"])
attached = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
predictor = attached.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=CSVDeserializer())
test = list(rows(100, 9))
scores = [float(score) for row in predictor.predict([list(row[1:]) for row in test]) for score in row]
report["accuracy"] = sum((score > 0.5) == bool(row[0]) for score, row in zip(scores, test, strict=True)) / len(test)
predictor.delete_endpoint()
print("REPORT " + json.dumps(report))

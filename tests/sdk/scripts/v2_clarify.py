"""SageMaker SDK v2, unmodified: Clarify measures the bias of a data set, and of a model that was trained on it."""

import json
import sys
from pathlib import Path

import sagemaker
from applicants import HEADERS, rows
from sagemaker import image_uris
from sagemaker.clarify import (
    BiasConfig,
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
)
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
client = session.sagemaker_client
role = sagemaker.get_execution_role()
bucket = session.default_bucket()

(folder / "train.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(600, 1)))
data = session.upload_data(str(folder / "train.csv"), bucket, "clarify/data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/clarify/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "20"},
)
estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
model = estimator.create_model(name="clarify-applicants")
session.create_model(model.name, role, model.prepare_container_def())

processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
report["image"] = processor.image_uri


def data_config(name):
    return DataConfig(
        s3_data_input_path=data,
        s3_output_path=f"s3://{bucket}/clarify/{name}",
        label="approved",
        headers=HEADERS,
        dataset_type="text/csv",
    )


def results(name):
    return json.loads(S3Downloader.read_file(f"s3://{bucket}/clarify/{name}/analysis.json", session))


women = BiasConfig(label_values_or_threshold=[1], facet_name="sex", facet_values_or_threshold=[0], group_name="region")
processor.run_pre_training_bias(data_config("before"), women, methods="all", logs=False)
report["before"] = results("before")
report["files"] = sorted(key.rpartition("/")[2] for key in session.list_s3_files(bucket, "clarify/before/"))
report["exit"] = processor.latest_job.describe()["ExitMessage"]

both = BiasConfig(
    label_values_or_threshold=[1], facet_name=["sex", "age"], facet_values_or_threshold=[[0], [50]], group_name="region"
)
processor.run_post_training_bias(
    data_config("after"),
    both,
    ModelConfig(model_name=model.name, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"),
    ModelPredictedLabelConfig(probability_threshold=0.5),
    methods=["DI", "DPPL", "AD", "CDDPL", "FT"],
    logs=False,
)
report["after"] = results("after")
report["endpoints_left"] = [each["EndpointName"] for each in client.list_endpoints()["Endpoints"]]
report["configurations_left"] = [
    each["EndpointConfigName"] for each in client.list_endpoint_configs(NameContains="clarify")["EndpointConfigs"]
]

try:
    wrong = BiasConfig(label_values_or_threshold=[1], facet_name="race")
    processor.run_pre_training_bias(data_config("wrong"), wrong, logs=False)
except sagemaker.exceptions.UnexpectedStatusException as error:
    report["refused"] = str(error)
model.delete_model()
print("REPORT " + json.dumps(report))

"""SageMaker SDK v2, unmodified, `instance_type="local"`: train, serve, process and a pipeline in local containers."""

import json
import sys
from pathlib import Path

import boto3
import numpy
import sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.local import LocalSession
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import LocalPipelineSession
from sagemaker.workflow.steps import ProcessingStep, TrainingStep
from tabular import csv, rows

folder = Path(sys.argv[1])
code = Path(__file__).parent / "code"
report = {}
session = LocalSession()
bucket, role = session.default_bucket(), sagemaker.get_execution_role()
s3 = session.boto_session.client("s3")
train, test = list(rows(300, 1)), numpy.array(list(rows(100, 2)))
(folder / "train.csv").write_text(csv(train))
(folder / "raw.csv").write_text(csv(train, header=True))
data = session.upload_data(str(folder / "train.csv"), bucket, "local-v2/data")


def accuracy(predictor):
    scores = numpy.array(predictor.predict(test[:, 1:]), dtype=float).ravel()
    return float(((scores > 0.5) == (test[:, 0] > 0.5)).mean())


address = session.s3_client.meta.endpoint_url
explicit = LocalSession(boto3.Session(), s3_endpoint_url=address)  # without a session of boto3's the SDK breaks
report["explicit"] = explicit.read_s3_file(bucket, "local-v2/data/train.csv").count("\n")

xgboost = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role,
    instance_count=1,
    instance_type="local",
    hyperparameters={"objective": "binary:logistic", "num_round": 10},
    sagemaker_session=session,
)
xgboost.fit({"train": TrainingInput(data, content_type="text/csv")})
report["model"] = xgboost.model_data
predictor = xgboost.deploy(1, "local", serializer=CSVSerializer(), deserializer=CSVDeserializer())
report["xgboost_accuracy"] = accuracy(predictor)
predictor.delete_endpoint()

# The strategy has to be said: what containers say of theirs, the SDK does not understand.
(folder / "features.csv").write_text(csv(test, label=False))
transformer = xgboost.transformer(
    1,
    "local",
    strategy="MultiRecord",
    assemble_with="Line",
    accept="text/csv",
    output_path=f"s3://{bucket}/local-v2/transformed",
)
features = session.upload_data(str(folder / "features.csv"), bucket, "local-v2/features")
transformer.transform(features, content_type="text/csv", split_type="Line", wait=True, logs=True)
transformed = s3.list_objects_v2(Bucket=bucket, Prefix="local-v2/transformed/")["Contents"]
report["transformed"] = [each["Key"].rpartition("/")[2] for each in transformed]
report["scores"] = len(s3.get_object(Bucket=bucket, Key=transformed[0]["Key"])["Body"].read().split())


def processor(session):
    return SKLearnProcessor("1.2-1", role=role, instance_count=1, instance_type="local", sagemaker_session=session)


def processing(target):
    return {
        "inputs": [ProcessingInput(str(folder / "raw.csv"), "/opt/ml/processing/input")],
        "outputs": [ProcessingOutput("/opt/ml/processing/train", f"s3://{bucket}/{target}", output_name="train")],
        "arguments": ["--bucket", bucket, "--key", f"{target}-from-inside"],
        "code": str(code / "prepare.py"),
    }


processor(session).run(**processing("local-v2/prepared"))
report["prepared"] = s3.get_object(Bucket=bucket, Key="local-v2/prepared/train.csv")["Body"].read().decode().count("\n")
report["from_processing"] = s3.get_object(Bucket=bucket, Key="local-v2/prepared-from-inside")["Body"].read().decode()


def sklearn(session, **others):
    return SKLearn(
        "train.py",
        source_dir=str(code),
        framework_version="1.2-1",
        role=role,
        instance_type="local",
        sagemaker_session=session,
        **others,
    )


estimator = sklearn(session, hyperparameters={"strength": 0.5, "bucket": bucket, "key": "local-v2/from-training"})
estimator.fit({"train": f"s3://{bucket}/local-v2/prepared"})
report["from_training"] = s3.get_object(Bucket=bucket, Key="local-v2/from-training")["Body"].read().decode()
predictor = estimator.deploy(1, "local")
report["sklearn_accuracy"] = accuracy(predictor)
predictor.delete_endpoint()

# Two hosts that answer each other's names.
pair = Estimator(  # the SDK's SKLearn class takes one host only
    estimator.training_image_uri(),
    role,
    instance_count=2,
    instance_type="local",
    entry_point="train.py",
    source_dir=str(code),
    hyperparameters={"strength": 0.5, "bucket": bucket, "key": "local-v2/pair"},
    sagemaker_session=session,
)
pair.fit({"train": f"s3://{bucket}/local-v2/prepared"})
report["pair"] = s3.get_object(Bucket=bucket, Key="local-v2/pair")["Body"].read().decode()

# The code mounted, the data from a folder, the model into a folder: nothing goes over S3.
here = LocalSession()
here.config = {"local": dict(here.config["local"], local_code=True)}
mounted = sklearn(here, output_path=f"file://{folder / 'out'}", hyperparameters={"strength": 0.5})
(folder / "data").mkdir()
(folder / "train.csv").rename(folder / "data" / "train.csv")
mounted.fit({"train": f"file://{folder / 'data'}"})
report["mounted_model"] = Path(mounted.model_data.replace("file://", "")).stat().st_size

local = LocalPipelineSession()
strength = ParameterFloat("Strength", default_value=0.5)
prepare = ProcessingStep("Prepare", step_args=processor(local).run(**processing("local-v2/pipeline")))
prepared = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
fit = TrainingStep("Train", step_args=sklearn(local, hyperparameters={"strength": strength}).fit({"train": prepared}))
pipeline = Pipeline("local-v2", parameters=[strength], steps=[prepare, fit], sagemaker_session=local)
pipeline.create(role)
execution = pipeline.start(parameters={"Strength": 0.25})
report["pipeline"] = execution.describe()["PipelineExecutionStatus"]
report["steps"] = {step["StepName"]: step["StepStatus"] for step in execution.list_steps()["PipelineExecutionSteps"]}

print("REPORT", json.dumps(report))

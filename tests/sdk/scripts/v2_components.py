"""SageMaker SDK v2, unmodified: two models on one endpoint as inference components, one of them updated."""

import io
import json
import tarfile

import sagemaker
from sagemaker import image_uris
from sagemaker.compute_resource_requirements.resource_requirements import ResourceRequirements
from sagemaker.deserializers import CSVDeserializer
from sagemaker.enums import EndpointType
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

WORK = """
import os

def model_fn(folder):
    return float(os.environ["FACTOR"])

def predict_fn(rows, model):
    return rows[:, 0] * model
"""
session = sagemaker.Session()
bucket = session.default_bucket()
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1")
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/work.py")
    info.size = len(WORK)
    tar.addfile(info, io.BytesIO(WORK.encode()))
session.boto_session.client("s3").put_object(Bucket=bucket, Key="components/model.tar.gz", Body=buffer.getvalue())


def model(factor):
    return Model(
        image,
        f"s3://{bucket}/components/model.tar.gz",
        sagemaker.get_execution_role(),
        Predictor,
        {
            "SAGEMAKER_PROGRAM": "work.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "FACTOR": str(factor),
        },
        f"times-{factor}",
    )


def deploy(factor, copies):
    return model(factor).deploy(
        initial_instance_count=1,
        instance_type="ml.m5.large",
        endpoint_name="times",
        endpoint_type=EndpointType.INFERENCE_COMPONENT_BASED,
        inference_component_name=f"times-{factor}",
        resources=ResourceRequirements(requests={"num_cpus": 1, "memory": 256, "copies": copies}),
        serializer=CSVSerializer(),
        deserializer=CSVDeserializer(),
    )


report = {}
two, three = deploy(2, 1), deploy(3, 2)
report["based"] = session.is_inference_component_based_endpoint("times")
report["answers"] = [two.predict("7,0"), three.predict("7,0")]
report["listed"] = sorted(entry["InferenceComponentName"] for entry in two.list_related_models()[0])
three.update_predictor(
    env={
        "SAGEMAKER_PROGRAM": "work.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "FACTOR": "5",
    },
    image_uri=image,
    model_data=f"s3://{bucket}/components/model.tar.gz",
    resources=ResourceRequirements(requests={"num_cpus": 1, "memory": 256, "copies": 1}),
)
report["updated"] = three.predict("7,0")
report["copies"] = session.describe_inference_component("times-3")["RuntimeConfig"]
for predictor in (two, three):
    predictor.delete_predictor()  # wait=True would poll every 20 s
for predictor in (two, three):
    session.wait_for_inference_component_deletion(predictor.component_name)
session.delete_endpoint("times")
print("REPORT", json.dumps(report))

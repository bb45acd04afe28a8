"""SageMaker SDK v2, unmodified: SHAP values and partial dependence of a model, then explanations of its endpoint."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.clarify import DataConfig, ModelConfig, PDPConfig, SageMakerClarifyProcessor, SHAPConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.explainer import (
    ClarifyExplainerConfig,
    ClarifyInferenceConfig,
    ClarifyShapBaselineConfig,
    ClarifyShapConfig,
    ExplainerConfig,
)
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import CSVSerializer
from tabular import csv, rows

folder = Path(sys.argv[1])
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()

(folder / "train.csv").write_text(csv(rows(400)))
data = session.upload_data(str(folder / "train.csv"), bucket, "explained/data")
estimator = Estimator(
    image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/explained/models",
    hyperparameters={"objective": "binary:logistic", "num_round": "20"},
)
estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
model = estimator.create_model(name="explained-applicants", predictor_cls=Predictor)
session.create_model(model.name, role, model.prepare_container_def())

(folder / "some.csv").write_text(csv(rows(60, 2)))
processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
processor.run_explainability(
    DataConfig(
        s3_data_input_path=session.upload_data(str(folder / "some.csv"), bucket, "explained/some"),
        s3_output_path=f"s3://{bucket}/explained/result",
        label="y",
        headers=["y", "x1", "x2", "x3"],
        dataset_type="text/csv",
    ),
    ModelConfig(model_name=model.name, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv"),
    [
        SHAPConfig(num_clusters=2, agg_method="mean_abs", use_logit=True, seed=3),
        PDPConfig(grid_resolution=5, top_k_features=2),
    ],
    logs=False,
)
report["analysis"] = json.loads(S3Downloader.read_file(f"s3://{bucket}/explained/result/analysis.json", session))
local = S3Downloader.read_file(f"s3://{bucket}/explained/result/explanations_shap/out.csv", session)
report["local"] = local.splitlines()
baseline = S3Downloader.read_file(f"s3://{bucket}/explained/result/explanations_shap/baseline.csv", session)
report["baseline"] = baseline.splitlines()

explainer = ClarifyExplainerConfig(
    enable_explanations="[0]>`0.5`",
    shap_config=ClarifyShapConfig(ClarifyShapBaselineConfig(shap_baseline="5,5,0.5"), use_logit=True),
    inference_config=ClarifyInferenceConfig(feature_headers=["x1", "x2", "x3"]),
)
predictor = model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=JSONDeserializer(accept="text/csv"),
    explainer_config=ExplainerConfig(clarify_explainer_config=explainer),
)
report["online"] = predictor.predict([[7, 6, 0.5], [3, 3, 0.5]])
report["all"] = predictor.predict([[3, 3, 0.5]], initial_args={"EnableExplanations": "`true`"})
predictor.delete_endpoint()
model.delete_model()
print("REPORT " + json.dumps(report))

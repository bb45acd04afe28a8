"""SageMaker SDK v3, unmodified: Clarify measures the bias of a data set and of predictions that lie beside it."""

import json
import sys
from pathlib import Path

from applicants import HEADERS, rows
from sagemaker.core.clarify import BiasConfig, DataConfig, SageMakerClarifyProcessor
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.s3 import S3Downloader

folder = Path(sys.argv[1])
session = Session()
bucket = session.default_bucket()

table = list(rows(600, 1))
(folder / "data.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in table))
data = session.upload_data(str(folder / "data.csv"), bucket, "clarify-v3/data")
(folder / "predicted.csv").write_text("".join(f"{int(row[3] > 54 - 12 * row[1])}\n" for row in table))
session.upload_data(str(folder / "predicted.csv"), bucket, "clarify-v3/predicted")

processor = SageMakerClarifyProcessor(
    role=get_execution_role(), instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
output = f"s3://{bucket}/clarify-v3/bias"
processor.run_bias(
    DataConfig(
        s3_data_input_path=data,
        s3_output_path=output,
        label="approved",
        headers=HEADERS,
        predicted_label_dataset_uri=f"s3://{bucket}/clarify-v3/predicted",
        predicted_label_headers=["predicted"],
        predicted_label="predicted",
    ),
    BiasConfig([1], "sex", [0], "region"),
    logs=False,
)
report = {"analysis": json.loads(S3Downloader.read_file(f"{output}/analysis.json", session))}
report["files"] = sorted(key.rpartition("/")[2] for key in session.list_s3_files(bucket, "clarify-v3/bias"))
print("REPORT " + json.dumps(report))

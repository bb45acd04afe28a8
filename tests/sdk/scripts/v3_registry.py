"""SageMaker SDK v3, unmodified: register with ModelBuilder; list, update and delete versions as resources."""

import json
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import ModelPackage, ModelPackageGroup
from sagemaker.core.shapes import ModelLifeCycle
from sagemaker.serve import ModelBuilder

folder = Path(sys.argv[1])
report = {}
session = Session()
role = get_execution_role()
bucket = session.default_bucket()
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
(folder / "model.tar.gz").write_bytes(b"not opened here")
model_data = session.upload_data(str(folder / "model.tar.gz"), bucket, "v3registry")
group = "v3-registry"

for description in ("first", "second"):
    builder = ModelBuilder(
        image_uri=image, s3_model_data_url=model_data, role_arn=role, sagemaker_session=session,
        instance_type="ml.m5.large",
    )  # fmt: skip
    builder.build()
    builder.register(
        model_package_group_name=group,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        approval_status="PendingManualApproval",
        description=description,
    )
versions = [package.model_package_arn for package in ModelPackage.get_all(model_package_group_name=group)]
report["versions"] = versions
package = ModelPackage.get(model_package_name=versions[0])
report["described"] = [package.model_package_version, package.model_package_description, package.model_package_status]
report["model_data"] = package.inference_specification.containers[0].model_data_url == model_data
package.update(
    model_approval_status="Approved",
    customer_metadata_properties={"owner": "risk"},
    model_life_cycle=ModelLifeCycle(stage="Production", stage_status="Approved"),
)
package = ModelPackage.get(model_package_name=versions[0])
report["updated"] = [
    package.model_approval_status,
    package.customer_metadata_properties,
    package.model_life_cycle.stage,
]
found = ModelPackageGroup.get(model_package_group_name=group)
report["group"] = found.model_package_group_status
report["groups"] = [item.model_package_group_name for item in ModelPackageGroup.get_all(name_contains=group)]
print("REPORT " + json.dumps(report))

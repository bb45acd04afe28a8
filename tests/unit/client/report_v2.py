"""Runs in the SDK v2's environment: its intervals and how long its loops take.

The intervals are taken first with SAGEYARD_FAST_POLL=0, as the test starts it, then without.
"""

import json
import os
import time

import jsonschema
import sagemaker.session
import sagemaker.workflow.pipeline
from sagemaker.config import validate_sagemaker_config


def intervals():
    session = sagemaker.session
    return {
        "logs_for_job": session.Session.logs_for_job.__defaults__[1],
        "logs_for_processing_job": session.Session.logs_for_processing_job.__defaults__[1],
        "first look": session._wait_until.__defaults__[0],
        "wait_for_job": session.Session.wait_for_job.__defaults__[0],
        "wait_for_endpoint": session.Session.wait_for_endpoint.__defaults__[0],
        "live endpoint log": session.EP_LOGGER_POLL,
        "pipeline": list(sagemaker.workflow.pipeline._PipelineExecution.wait.__defaults__),
    }


def seconds(function, *arguments, **options):
    started = time.monotonic()
    function(*arguments, **options)
    return time.monotonic() - started


sagemaker.session.Session()
report = {"off": intervals()}
del os.environ["SAGEYARD_FAST_POLL"]
session = sagemaker.session.Session()
report["on"] = intervals()
report["bucket"] = session._default_bucket_name_override
report["account"] = session.account_id()
report["training"] = seconds(session.logs_for_job, "job", wait=True)
report["endpoint"] = seconds(session.wait_for_endpoint, "job")
report["log without waiting"] = seconds(session.logs_for_job, "job", wait=False)
config = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
report["fifty look-ups"] = seconds(lambda: [validate_sagemaker_config(config) for _ in range(50)])
try:
    validate_sagemaker_config({"SchemaVersion": "1.0", "SageMaker": {"TrainingJob": {"RoleArn": "no role"}}})
except jsonschema.ValidationError as error:
    report["refusal"] = list(error.path)
print("\nREPORT " + json.dumps(report))

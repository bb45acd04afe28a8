"""Runs in the SDK v3's environment: the intervals, first with SAGEYARD_FAST_POLL=0, as started, then without."""

import inspect
import json
import os

import sagemaker.core.helper.session_helper as session_helper
import sagemaker.core.processing as processing
from sagemaker.core import resources


def intervals():
    waits = [
        inspect.signature(member).parameters["poll"].default
        for resource in vars(resources).values()
        if isinstance(resource, type)
        for name, member in vars(resource).items()
        if name.startswith("wait")
    ]
    return {
        "resources": sorted(set(waits)),
        "processing": processing.logs_for_processing_job.__defaults__[1],
        "wait_for_endpoint": session_helper.Session.wait_for_endpoint.__defaults__[0],
        "live endpoint log": session_helper.EP_LOGGER_POLL,
    }


session_helper.Session()
report = {"off": intervals()}
del os.environ["SAGEYARD_FAST_POLL"]
session = session_helper.Session()
report["on"] = intervals()
report["bucket"] = session._default_bucket_name_override
report["account"] = session.account_id()
job = resources.TrainingJob.get("job")
job.wait()  # pydantic takes the shortened default
report["status"] = job.training_job_status
print("REPORT " + json.dumps(report))

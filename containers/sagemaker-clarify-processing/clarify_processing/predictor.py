"""The model that is asked: a shadow endpoint of its own, or an endpoint that there is.

Source: the block `predictor` of analysis_config.json (clarify-processing-job-configure-analysis). The shadow endpoint
and its configuration are named as Clarify names them, `sm-clarify-config-...` and `sm-clarify-...`.
"""

import json
import logging
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from types import FrameType, TracebackType
from typing import Any, Self

import boto3
import numpy as np
import pandas as pd
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from .asking import BatchedModel, TooManyRecordsError
from .errors import AnalysisError
from .model_input import ModelInput
from .model_output import ModelOutput, Predictions

PREFIX = "sm-clarify"
LONGEST_NAME = 63
WAIT = {"Delay": 1, "MaxAttempts": 1800}
"""A shadow endpoint gets half an hour to come up."""
ATTEMPTS = 8
"""Of one call that is throttled or finds no server."""
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, read_timeout=70)
PAYLOAD_TOO_LARGE = 413
TOO_MUCH = (0, PAYLOAD_TOO_LARGE, 503, 504)
"""Statuses of a model container for which a batch was too much; 0 is no answer in time."""


class Predictor:
    """Asks a model for predictions; to be entered before it is used.

    `block` is `predictor` of analysis_config.json, `headers` are the names of the features, `dataset_type` is the
    content type where the block has none. AnalysisError for a block that cannot be.
    """

    def __init__(self, block: Mapping[str, Any], headers: Sequence[str], dataset_type: str = "text/csv") -> None:
        default = "text/csv" if dataset_type == "application/x-parquet" else dataset_type
        self._block = block
        content_type = str(block.get("content_type", default)).lower()
        self._content_type = content_type
        self._model = BatchedModel(
            ModelInput(content_type, headers, _template(block), block.get("record_template")),
            ModelOutput(block.get("label"), block.get("probability"), block.get("label_headers")),
            self._invoke,
        )
        self._accept = str(block.get("accept_type", content_type)).lower()
        self._endpoint: str | None = None
        self._cleanup = ExitStack()
        shadow = [key for key in ("model_name", "instance_type", "initial_instance_count") if key in block]
        if "endpoint_name" in block and shadow:
            raise AnalysisError(
                f"analysis_config.json: predictor has both endpoint_name and {shadow[0]}. Name an endpoint that there "
                f"is, or a model, instance type and count for a shadow endpoint."
            )
        if "endpoint_name" not in block and len(shadow) < 3:
            raise AnalysisError(
                "analysis_config.json: predictor needs model_name, instance_type and initial_instance_count for a "
                f"shadow endpoint, or endpoint_name for one that there is. It has {', '.join(block) or 'nothing'}."
            )

    @property
    def label_headers(self) -> list[str] | None:
        """The names of the model's outputs, where the configuration gives them."""
        headers = self._block.get("label_headers")
        return None if headers is None else [str(name) for name in headers]

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            former = signal.signal(signal.SIGTERM, _leave)  # a job that is stopped must not leave the endpoint behind
            self._cleanup.callback(signal.signal, signal.SIGTERM, former)
        self._sagemaker = boto3.client("sagemaker", config=RETRIES)
        self._runtime = boto3.client("sagemaker-runtime", config=RETRIES)
        try:
            self._endpoint = self._block.get("endpoint_name") or self._start()
        except BaseException as error:
            self._cleanup.close()
            if isinstance(error, BotoCoreError | ClientError):
                name = self._block.get("model_name")
                raise AnalysisError(f"No shadow endpoint of the model {name} could be made: {error}") from None
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._endpoint = None
        self._cleanup.close()

    def predict(self, rows: pd.DataFrame | np.ndarray) -> Predictions:
        """The predictions for rows of features (n, columns), n at least 1, in as many requests as they need.

        AnalysisError says what the model answered.
        """
        try:
            return self._model.predict(rows)
        except TooManyRecordsError as error:
            raise AnalysisError(f"The endpoint {self._endpoint} does not answer a single record: {error}") from None

    def _invoke(self, body: bytes) -> tuple[bytes, str]:
        """Body and content type of the answer; TooManyRecordsError if fewer records may be answered."""
        given = {"CustomAttributes": "custom_attributes", "TargetModel": "target_model"}
        members = {member: self._block[key] for member, key in given.items() if self._block.get(key)}
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self._endpoint,
                ContentType=self._content_type,
                Accept=self._accept,
                Body=body,
                **members,
            )
            return answer["Body"].read(), answer.get("ContentType", self._accept)
        except ClientError as error:
            http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if http == PAYLOAD_TOO_LARGE or error.response.get("OriginalStatusCode") in TOO_MUCH:
                raise TooManyRecordsError(error) from error
            raise AnalysisError(f"The endpoint {self._endpoint} refuses a request: {error}") from None
        except BotoCoreError as error:
            raise AnalysisError(f"The endpoint {self._endpoint} cannot be asked: {error}") from None

    def _start(self) -> str:
        """Make the shadow endpoint, to be deleted by `_cleanup`, and wait for it; its name."""
        block = self._block
        prefix = block.get("endpoint_name_prefix", PREFIX)
        stamp = f"{int(time.time())}-{secrets.token_hex(2)}"
        config, endpoint = (f"{part[: LONGEST_NAME - len(stamp) - 1]}-{stamp}" for part in (f"{prefix}-config", prefix))
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": block["model_name"],
            "InstanceType": block["instance_type"],
            "InitialInstanceCount": block["initial_instance_count"],
        }
        if "accelerator_type" in block:
            variant["AcceleratorType"] = block["accelerator_type"]
        logging.info("Creating endpoint configuration %s and endpoint %s", config, endpoint)
        self._sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
        self._cleanup.callback(self._delete_config, config)
        self._sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        self._cleanup.callback(self._delete_endpoint, endpoint)
        try:
            self._wait(endpoint)
        except WaiterError as error:
            described = self._sagemaker.describe_endpoint(EndpointName=endpoint)
            reason = described.get("FailureReason") or f"it is {described['EndpointStatus']}: {error}"
            raise AnalysisError(
                f"The shadow endpoint of the model {block['model_name']} did not come into service: {reason}"
            ) from None
        return endpoint

    def _wait(self, endpoint: str) -> None:
        self._sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig=WAIT)

    def _delete_endpoint(self, endpoint: str) -> None:
        try:
            if self._sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Creating":
                with suppress(WaiterError):  # one that is being made cannot be deleted
                    self._wait(endpoint)
            self._sagemaker.delete_endpoint(EndpointName=endpoint)
        except (BotoCoreError, ClientError) as error:
            logging.warning("The endpoint %s was not deleted: %s", endpoint, error)

    def _delete_config(self, config: str) -> None:
        try:
            self._sagemaker.delete_endpoint_config(EndpointConfigName=config)
        except (BotoCoreError, ClientError) as error:
            logging.warning("The endpoint configuration %s was not deleted: %s", config, error)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _template(block: Mapping[str, Any]) -> str | None:
    """`content_template`, which may be an object instead of its text."""
    given = block.get("content_template")
    if not isinstance(given, dict):
        return given
    return re.sub(r'"(\$\w+)"', r"\1", json.dumps(given))

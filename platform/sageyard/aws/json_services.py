"""Services of the JSON protocol, and SNS, called from inside the server as a client would call them."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

from sageyard.aws.exchange import ServiceRequest
from sageyard.aws.moto_services import MotoServices
from sageyard.errors import AwsError

TARGETS = {
    "athena": "AmazonAthena",
    "events": "AWSEvents",
    "glue": "AWSGlue",
    "monitoring": "GraniteServiceVersion20100801",  # CloudWatch
    "sqs": "AmazonSQS",
}
FORMS = {"sns": "2010-03-31"}
"""Services of the query protocol, of which only members that are texts can be sent and no answer is read."""


class JsonServices:
    """`sageyard.cloud.Services` over moto: what a call changes is journalled like any client's request."""

    def __init__(self, services: MotoServices) -> None:
        self._services = services

    def call(self, region: str, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One operation; AwsError with the service's own code. Blocks."""
        authorization = f"AWS4-HMAC-SHA256 Credential=sageyard/20000101/{region}/{service}/aws4_request"
        if service in FORMS:
            return self._post_form(region, service, authorization, {"Action": operation, **parameters})
        headers = {
            "authorization": authorization,
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"{TARGETS[service]}.{operation}",
        }
        body = json.dumps(parameters, default=str).encode()
        answer = self._services.answer_blocking(ServiceRequest(service, region, "POST", "/", headers, body))
        document: dict[str, Any] = json.loads(answer.body or b"{}")
        if answer.status >= 400:
            message = document.get("message") or document.get("Message") or ""
            raise AwsError(str(message), code=str(document.get("__type", "InternalFailure")).rpartition("#")[2])
        return document

    def _post_form(self, region: str, service: str, authorization: str, fields: dict[str, Any]) -> dict[str, Any]:
        body = urlencode({"Version": FORMS[service], **fields}).encode()
        headers = {
            "authorization": authorization,
            "content-type": "application/x-www-form-urlencoded",
            "content-length": str(len(body)),
        }
        answer = self._services.answer_blocking(ServiceRequest(service, region, "POST", "/", headers, body))
        if answer.status >= 400:
            text = answer.body.decode("utf-8", "replace")
            code, message = (re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("Code", "Message"))
            raise AwsError(unescape(message[1]) if message else text, code=code[1] if code else "InternalFailure")
        return {}

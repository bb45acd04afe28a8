"""Lambda on the wire (REST-JSON): Invoke is answered here, and code is kept with the request that brings it.

Everything else of Lambda is moto's. Its CreateFunction reads archives from S3 anew whenever its journal is replayed;
AWS copies them once. So a reference to an object is replaced by the object's bytes before moto sees the request.
"""

import asyncio
import base64
import io
import json
import re
import uuid
import zipfile
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from sageyard.aws.exchange import ServiceAnswer, ServiceRequest
from sageyard.aws.functions import StoredFunctions
from sageyard.aws.moto_services import MotoServices
from sageyard.cloud import ObjectNotFoundError, Objects
from sageyard.errors import AwsError

INVOKE = re.compile(r"/[^/]+/functions/(.+)/invocations/?")
INVOKE_ASYNC = re.compile(r"/[^/]+/functions/(.+)/invoke-async/?")
CREATE = re.compile(r"/[^/]+/functions/?")
GET = re.compile(r"/[^/]+/functions/([^/]+)/?")
CODE = re.compile(r"/[^/]+/functions/[^/]+/code/?")
ARCHIVES = "/_sageyard/functions/"
LARGEST = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024, "DryRun": 6 * 1024 * 1024}
"""Bytes of a payload, by the type of invocation."""


class InvalidContentError(AwsError):
    """The payload is not JSON."""

    code = "InvalidRequestContentException"


class TooLargeError(AwsError):
    """The payload is longer than Lambda takes."""

    code = "RequestEntityTooLargeException"
    http_status = 413


class LambdaOperations:
    """Knows Invoke, InvokeAsync, CreateFunction, UpdateFunctionCode and GetFunction."""

    def __init__(self, functions: StoredFunctions, services: MotoServices, objects: Objects, endpoint_url: str) -> None:
        self._functions = functions
        self._services = services
        self._objects = objects
        self._endpoint_url = endpoint_url

    def knows(self, request: ServiceRequest) -> bool:
        """Whether this is one of the operations answered here."""
        path = request.path.partition("?")[0]
        return request.service == "lambda" and (
            (request.method == "POST" and any(pattern.fullmatch(path) for pattern in (INVOKE, INVOKE_ASYNC, CREATE)))
            or (request.method == "PUT" and CODE.fullmatch(path) is not None)
            or (request.method == "GET" and GET.fullmatch(path) is not None)
        )

    async def answer(self, request: ServiceRequest) -> ServiceAnswer:
        """Run one operation."""
        path, _, query = request.path.partition("?")
        if found := INVOKE.fullmatch(path):
            qualifier = parse_qs(query).get("Qualifier", [""])[0]
            return await self._invoke(request, unquote(found[1]), qualifier)
        if found := INVOKE_ASYNC.fullmatch(path):
            payload = _payload(request, "Event")
            await asyncio.to_thread(self._functions.find, request.region, unquote(found[1]))
            await asyncio.to_thread(self._functions.enqueue, request.region, unquote(found[1]), payload)
            return ServiceAnswer(202, {"content-type": "application/json"}, b'{"Status": 202}')
        if request.method == "GET":
            return self._located(request, await self._services.answer(request))
        document = json.loads(request.body)
        if CREATE.fullmatch(path):
            await self._make_role(request, str(document.get("Role", "")))
        code = document.get("Code", {}) if CREATE.fullmatch(path) else document
        await asyncio.to_thread(self._keep, code)
        return await self._services.answer(_with_body(request, document))

    async def _invoke(self, request: ServiceRequest, name: str, qualifier: str) -> ServiceAnswer:
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if kind not in LARGEST:
            raise AwsError(
                f"InvocationType {kind!r} is none of {', '.join(LARGEST)}.", code="InvalidParameterValueException"
            )
        payload = _payload(request, kind)
        headers = {"content-type": "application/json", "x-amzn-requestid": str(uuid.uuid4())}
        if kind != "RequestResponse":
            await asyncio.to_thread(self._functions.find, request.region, name, qualifier)
            if kind == "DryRun":
                return ServiceAnswer(204, headers)
            target = f"{name}:{qualifier}" if qualifier else name
            await asyncio.to_thread(self._functions.enqueue, request.region, target, payload)
            return ServiceAnswer(202, headers)
        context = request.headers.get("x-amz-client-context", "")
        answer = await self._functions.invoke(
            request.region,
            name,
            payload,
            qualifier=qualifier,
            client_context=base64.b64decode(context).decode() if context else "",
        )
        headers["x-amz-executed-version"] = answer.version
        if answer.failed:
            headers["x-amz-function-error"] = "Unhandled"  # what AWS says of every error in Python
        if request.headers.get("x-amz-log-type") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(answer.log).decode()
        return ServiceAnswer(200, headers, answer.payload)

    def _located(self, request: ServiceRequest, answer: ServiceAnswer) -> ServiceAnswer:
        """GetFunction with a URL of this server at which the archive is found, and not one of AWS's."""
        document = json.loads(answer.body) if answer.status < 400 else {}
        if document.get("Code", {}).get("RepositoryType") != "S3":
            return answer
        found = document["Configuration"]
        place = "/".join(quote(part, safe="") for part in (request.region, found["FunctionName"], found["Version"]))
        document["Code"]["Location"] = f"{self._endpoint_url}{ARCHIVES}{place}"
        return replace(answer, body=json.dumps(document).encode())

    def _keep(self, code: dict[str, Any]) -> None:
        """Replace a reference to S3 by the archive itself."""
        if "S3Bucket" in code and "S3Key" in code:
            try:
                archive = self._objects.read(code["S3Bucket"], code["S3Key"])
            except ObjectNotFoundError as error:
                raise AwsError(
                    f"Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: {error} does not "
                    "exist: upload the function's archive there first.",
                    code="InvalidParameterValueException",
                ) from None
            del code["S3Bucket"], code["S3Key"]
            code.pop("S3ObjectVersion", None)
            code["ZipFile"] = base64.b64encode(archive).decode()
        if "ZipFile" in code and not zipfile.is_zipfile(io.BytesIO(base64.b64decode(code["ZipFile"]))):
            raise AwsError(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
                code="InvalidParameterValueException",
            )

    async def _make_role(self, request: ServiceRequest, role: str) -> None:
        """Ask for the role, which makes one that nobody has created: users name roles of their real accounts."""
        if ":role/" not in role:
            return
        body = urlencode({"Action": "GetRole", "Version": "2010-05-08", "RoleName": role.rpartition("/")[2]}).encode()
        headers = {
            "authorization": request.headers.get("authorization", ""),
            "content-type": "application/x-www-form-urlencoded",
            "content-length": str(len(body)),
        }
        await self._services.answer(ServiceRequest("iam", request.region, "POST", "/", headers, body))


def _payload(request: ServiceRequest, kind: str) -> bytes:
    payload = request.body or b"{}"
    if len(payload) > LARGEST[kind]:
        raise TooLargeError(f"{len(payload)} byte payload is too large for the {kind} invocation type (limit "
                            f"{LARGEST[kind]} bytes): put it into S3 and send its URI.")  # fmt: skip
    try:
        json.loads(payload)
    except ValueError as error:
        raise InvalidContentError(f"Could not parse request body into json: {error}") from None
    return payload


def _with_body(request: ServiceRequest, document: dict[str, Any]) -> ServiceRequest:
    body = json.dumps(document).encode()
    return replace(request, headers={**request.headers, "content-length": str(len(body))}, body=body)

"""Resource policies of endpoints: kept and given back. There is one account here, so they grant nothing."""

import json

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document


def family(engine: Engine) -> Family:
    """PutEndpointPolicy, GetEndpointPolicy, DeleteEndpointPolicy; rules as their documentation says."""

    def endpoint(request: Document, context: Context) -> StoredResource:
        found = engine.resource("Endpoint", context.region, request["EndpointName"])
        if found is None:
            arn = engine.arn(engine.specs["Endpoint"], context.region, [request["EndpointName"]])
            raise ResourceNotFoundError(f'Could not find endpoint "{arn}".')
        return found

    async def put(request: Document, context: Context) -> Document:
        found = endpoint(request, context)
        if found.status in {"Deleting", "Failed"}:
            raise ValidationError(f"Endpoint {found.arn} is {found.status} and can have no policy.")
        try:
            policy = json.loads(request["ResourcePolicy"])
        except ValueError:
            policy = None
        if not isinstance(policy, dict) or "Statement" not in policy:
            raise ValidationError("ResourcePolicy is not valid: give a JSON object with Version and Statement.")
        found.save(private={"policy": request["ResourcePolicy"]})
        return {"EndpointArn": found.arn}

    async def get(request: Document, context: Context) -> Document:
        found = endpoint(request, context)
        if (policy := found.private.get("policy")) is None:
            raise ValidationError(f"Endpoint {found.arn} has no policy: attach one with PutEndpointPolicy.")
        return {"EndpointName": found.name, "EndpointArn": found.arn, "ResourcePolicy": policy}

    async def delete(request: Document, context: Context) -> Document:
        endpoint(request, context).save(private={"policy": None})
        return {}

    return Family(
        functions={
            "PutEndpointPolicy": (put, "stored only"),
            "GetEndpointPolicy": (get, "stored only"),
            "DeleteEndpointPolicy": (delete, "stored only"),
        }
    )

"""Inference routers. Records: nothing here chooses between the models that one names."""

from sageyard.resources.family import Family

NO_ROUTER = "a router asks foundation models that AWS hosts, and none is here. Call InvokeEndpoint on an endpoint."


def family() -> Family:
    """The resource type itself needs no more than derivation."""
    return Family(refused=dict.fromkeys(("InvokeInferenceRouter", "InvokeInferenceRouterAsync"), NO_ROUTER))

"""API destinations: an HTTP endpoint of the user's that a rule calls.

Source: EventBridge's user guide, `eb-api-destinations`. The only requests that leave this machine by themselves, and
only to where the user has pointed them.
"""

import base64
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from sageyard.cloud import Services
from sageyard.errors import AwsError

SECONDS = 5.0
REPEATED = {409, 429}
"""Statuses below 500 after which EventBridge tries again."""


class Webhook:
    """Calls API destinations. Blocks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def call(self, arn: str, parameters: dict[str, Any], payload: str) -> None:
        """One request; OSError where it may be repeated, AwsError where that would not help."""
        _, _, _, region, _, resource = arn.split(":", 5)
        name = resource.split("/")[1]
        destination = self._services.call(region, "events", "DescribeApiDestination", {"Name": name})
        connection_name = destination["ConnectionArn"].split("/")[1]
        connection = self._services.call(region, "events", "DescribeConnection", {"Name": connection_name})
        headers, query = _authorization(connection)
        headers |= {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Amazon/EventBridge/ApiDestinations",
        }
        headers |= {name.lower(): value for name, value in (parameters.get("HeaderParameters") or {}).items()}
        query |= parameters.get("QueryStringParameters") or {}
        url = destination["InvocationEndpoint"]
        for value in parameters.get("PathParameterValues") or []:
            url = url.replace("*", quote(value, safe=""), 1)
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        if not url.startswith(("http://", "https://")):
            raise AwsError(f"API destination {name}: {url!r} is no HTTP address")
        method = destination["HttpMethod"]
        body = None if method in {"GET", "HEAD", "OPTIONS"} else payload.encode()
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in REPEATED:
                raise AwsError(f"API destination {name}: {url} answered {error.code} {error.reason}") from None
            raise


def _authorization(connection: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters that a connection adds to every request."""
    parameters = connection["AuthParameters"]
    headers: dict[str, str] = {}
    if key := parameters.get("ApiKeyAuthParameters"):
        headers[key["ApiKeyName"].lower()] = key["ApiKeyValue"]
    elif basic := parameters.get("BasicAuthParameters"):
        pair = f"{basic['Username']}:{basic['Password']}".encode()
        headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif "OAuthParameters" in parameters:
        raise AwsError(
            f"Connection {connection['Name']} authorizes by OAuth, which Sageyard does not: use an API key or basic "
            "authorization."
        )
    added = parameters.get("InvocationHttpParameters") or {}
    headers |= {one["Key"].lower(): one["Value"] for one in added.get("HeaderParameters") or []}
    return headers, {one["Key"]: one["Value"] for one in added.get("QueryStringParameters") or []}

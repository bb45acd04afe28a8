"""The botocore plugin that brings the SageMaker SDKs home and lets them wait without sleeping.

botocore imports this module into every process that names it in BOTOCORE_EXPERIMENTAL__PLUGINS and hands it
every client that is made. It does three things, and only to clients that talk to AWS_ENDPOINT_URL:

1. The SDKs build STS clients for `https://sts.<region>.amazonaws.com`, an argument that no variable overrides.
   Their requests are sent to AWS_ENDPOINT_URL instead. Other hosts are left alone.
2. The SDKs' polling intervals (5 to 30 s) and those of boto3's waiters (5 to 120 s) become 0.25 s where the caller
   gave none: the default arguments are replaced, see `sageyard_polls`. How long a wait may last stays the same.
3. The SDKs' log loops describe a job once and then only every 30 s, a number no argument reaches. Their Describe
   calls carry `X-Sageyard-Wait: 20`: the server holds the answer until the job has ended, at most that long.

SAGEYARD_FAST_POLL=0 switches 2 and 3 off. Nothing here may break the user's client: what fails is logged at debug
level and skipped. botocore calls its plugin interface private; `sageyard doctor` tells whether it still works.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import sageyard_polls

LOG = logging.getLogger("sageyard")
STS_HOST = re.compile(r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)")
HOLD_SECONDS = 20  # below botocore's read timeout of 60 s, and no longer than one likes to wait for a log line
LOG_LOOPS = {"_logs_for_job", "logs_for_processing_job", "logs_for_transform_job", "logs_for_auto_ml_job"}


def initialize_client_plugin(client: Any) -> None:
    """Called by botocore with every new client."""
    try:
        home = os.environ.get("AWS_ENDPOINT_URL")
        if not home:
            return
        if client.meta.service_model.service_name == "sts":
            client.meta.events.register("before-sign.sts", _bring_home, unique_id="sageyard-sts")
        if os.environ.get("SAGEYARD_FAST_POLL") != "0" and _host(client.meta.endpoint_url) == _host(home):
            _shorten_waits(client)
    except Exception:
        LOG.debug("the Sageyard plugin left a client as it was", exc_info=True)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _bring_home(request: Any, **_: Any) -> None:
    """Point one STS request at AWS_ENDPOINT_URL. Before signing, so that the signature covers the host it reaches."""
    try:
        url, home = urlsplit(request.url), os.environ.get("AWS_ENDPOINT_URL")
        if home and STS_HOST.fullmatch(url.hostname or ""):
            scheme, netloc = urlsplit(home)[:2]
            request.url = urlunsplit((scheme, netloc, url.path, url.query, url.fragment))
    except Exception:
        LOG.debug("an STS request was left as it was", exc_info=True)


def _shorten_waits(client: Any) -> None:
    sageyard_polls.shorten_defaults()
    if client.meta.service_model.service_name == "sagemaker":
        client.meta.events.register("before-call.sagemaker", _before_call, unique_id="sageyard-wait")
    original = client.get_waiter

    def get_waiter(waiter_name: str) -> Any:
        waiter = original(waiter_name)
        try:
            _shorten_waiter(waiter)
        except Exception:
            LOG.debug("the waiter %s was left as it was", waiter_name, exc_info=True)
        return waiter

    client.get_waiter = get_waiter


def _shorten_waiter(waiter: Any) -> None:
    """Give a waiter a short delay and as many attempts as keep its patience, where the caller names no delay."""
    original = waiter.wait

    def wait(**kwargs: Any) -> Any:
        given = kwargs.get("WaiterConfig") or {}
        delay = waiter.config.delay
        if "Delay" not in given and delay > sageyard_polls.POLL:
            attempts = given.get("MaxAttempts", waiter.config.max_attempts)
            attempts = math.ceil(attempts * delay / sageyard_polls.POLL)
            kwargs["WaiterConfig"] = dict(given, Delay=sageyard_polls.POLL, MaxAttempts=attempts)
        return original(**kwargs)

    waiter.wait = wait


def _before_call(model: Any, params: Any, **_: Any) -> None:
    """Before each SageMaker operation: shorten what was imported since, and mark a log loop's Describe."""
    try:
        sageyard_polls.shorten_defaults()
        if model.name.startswith("Describe") and _in_waiting_log_loop():
            params["headers"]["X-Sageyard-Wait"] = str(HOLD_SECONDS)
    except Exception:
        LOG.debug("a SageMaker request was left as it was", exc_info=True)


def _in_waiting_log_loop() -> bool:
    """Whether an SDK function that follows a job's log until its end is among the callers."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in LOG_LOOPS and frame.f_globals.get("__name__", "").startswith("sagemaker."):
            return bool(frame.f_locals.get("wait"))
        frame = frame.f_back  # type: ignore[assignment]
    return False

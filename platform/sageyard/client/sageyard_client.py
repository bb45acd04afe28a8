"""The botocore plugin that brings the SageMaker SDKs home and lets them wait without sleeping.

botocore imports this module into every process that names it in BOTOCORE_EXPERIMENTAL__PLUGINS and hands it
every client that is made. It does four things, and only where clients talk to AWS_ENDPOINT_URL:

1. The SDKs build STS clients for `https://sts.<region>.amazonaws.com`, an argument that no variable overrides.
   Their requests are sent to AWS_ENDPOINT_URL instead. Other hosts are left alone.
2. The SDKs' polling intervals (5 to 30 s) and those of boto3's waiters (5 to 120 s) become 0.25 s where the caller
   gave none: the default arguments are replaced, see `sageyard_polls`. How long a wait may last stays the same.
3. The SDKs' log loops describe a job once and then only every 30 s, a number no argument reaches. Their Describe
   calls carry `X-Sageyard-Wait: 45`: the server holds the answer until the job has ended, at most that many seconds.
   A job of up to 45 s is seen to end at once. A longer one prints its log after that, and its later Describe calls are
   held for 10 s only, lest the log stand still too often; its end is seen within 30 s, as without the plugin.
4. The SDK v2 checks a constant schema fifty times in a fit and a deploy, 0.12 s each: `sageyard_schema`.

SAGEYARD_FAST_POLL=0 switches 2, 3 and 4 off. Nothing here may break the user's client: what fails is logged at debug
level and skipped. botocore calls its plugin interface private; `sageyard doctor` tells whether it still works.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import re
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import sageyard_polls  # type: ignore[import-not-found]  # its directory is on the PYTHONPATH by then
import sageyard_schema  # type: ignore[import-not-found]

LOG = logging.getLogger("sageyard")
STS_HOST = re.compile(r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)")
FIRST_HOLD, LATER_HOLD = 45, 10  # seconds
READ_TIMEOUT = 60  # botocore's default; a client with a shorter one is held for a shorter time
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
    _shorten_sdk()
    if client.meta.service_model.service_name == "sagemaker":
        patience = min(1.0, (client.meta.config.read_timeout or READ_TIMEOUT) / READ_TIMEOUT)
        before_call = functools.partial(_before_call, patience)
        client.meta.events.register("before-call.sagemaker", before_call, unique_id="sageyard-wait")
    original = client.get_waiter

    def get_waiter(waiter_name: str) -> Any:
        waiter = original(waiter_name)
        try:
            _shorten_waiter(waiter)
        except Exception:
            LOG.debug("the waiter %s was left as it was", waiter_name, exc_info=True)
        return waiter

    client.get_waiter = get_waiter


def _shorten_sdk() -> None:
    """What can be done to the SDK modules imported so far; more may be by the next call."""
    sageyard_polls.shorten_defaults()
    sageyard_schema.trust_schemas()


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


def _before_call(patience: float, model: Any, params: Any, **_: Any) -> None:
    """Before each SageMaker operation: shorten what was imported since; have a log loop's Describe held."""
    try:
        _shorten_sdk()
        if model.name.startswith("Describe"):
            hold = _hold_of_log_loop()
            if hold:
                params["headers"]["X-Sageyard-Wait"] = str(int(hold * patience))
    except Exception:
        LOG.debug("a SageMaker request was left as it was", exc_info=True)


def _hold_of_log_loop() -> int:
    """How many seconds to hold a Describe: 0 unless an SDK function that follows a log until the job's end calls it."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in LOG_LOOPS and frame.f_globals.get("__name__", "").startswith("sagemaker."):
            variables = frame.f_locals
            if not variables.get("wait"):
                return 0
            return LATER_HOLD if "last_describe_job_call" in variables else FIRST_HOLD
        frame = frame.f_back  # type: ignore[assignment]
    return 0

"""The SageMaker SDKs' polling intervals, shortened by replacing the defaults of their own arguments.

`fit()` of an 8 s job takes 46 s in the SDK v2, and `deploy()` 30 s more, because its loops sleep 5 to 30 s between
looks; against a server on the same machine a look costs a millisecond. Only values the SDK would have used on its
own change: the default of a parameter named `poll`, of a `delay` that comes with `max_attempts` (which grows in
proportion), and two module constants. An interval that the caller passes is kept, and `time.sleep` is never touched.

Modules that are not imported are not imported; `shorten_defaults` is called again later and finds them then.
"""

from __future__ import annotations

import inspect
import math
import sys
from types import FunctionType, ModuleType
from typing import Any

POLL = 0.25
"""Seconds between two looks: four small local requests a second."""

WAITING_MODULES = (
    # SDK v2
    "sagemaker.session",
    "sagemaker.workflow.pipeline",
    "sagemaker_core.main.resources",
    # SDK v3
    "sagemaker.core.common_utils",
    "sagemaker.core.helper.session_helper",
    "sagemaker.core.processing",
    "sagemaker.core.remote_function.job",
    "sagemaker.core.resources",
    "sagemaker.core.transformer",
    "sagemaker.mlops.feature_store.feature_utils",
    "sagemaker.mlops.workflow.pipeline",
    "sagemaker.serve.model_builder",
    "sagemaker.train.common_utils.trainer_wait",
)
CONSTANTS = ("EP_LOGGER_POLL", "DEFAULT_EP_POLL")

_shortened = set()  # type: set[str]


def shorten_defaults() -> None:
    """Shorten the defaults in every waiting module that has been imported since the last call."""
    for name in WAITING_MODULES:
        module = sys.modules.get(name)
        if module is None or name in _shortened or getattr(module.__spec__, "_initializing", False):
            continue
        _shortened.add(name)
        _shorten_module(module)


def _shorten_module(module: ModuleType) -> None:
    for constant in CONSTANTS:
        if hasattr(module, constant):
            setattr(module, constant, POLL)
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue  # imported from elsewhere, where other rules may hold
        members = vars(value).values() if isinstance(value, type) else (value,)
        for member in list(members):
            function = inspect.unwrap(getattr(member, "__func__", member))
            if isinstance(function, FunctionType):
                _shorten_function(function)


def _shorten_function(function: FunctionType) -> None:
    defaults = function.__defaults__ or ()
    code = function.__code__
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    given = {name: defaults[position] for position, name in enumerate(names)}
    changed = dict(given)
    if _is_long(given.get("poll")):
        changed["poll"] = POLL
    if _is_long(given.get("delay")) and isinstance(given.get("max_attempts"), int):
        changed["delay"] = POLL
        changed["max_attempts"] = math.ceil(given["max_attempts"] * given["delay"] / POLL)
    if changed != given:
        function.__defaults__ = tuple(changed[name] for name in names)


def _is_long(seconds: Any) -> bool:
    return isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > POLL

"""Runs a Python function of AWS Lambda: imports its handler once, then calls it for every line of the named pipe."""

import importlib
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from invocation import Context, RuntimeFault, answer, error_document

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
TASK, LAYERS, INVOCATIONS = BASE / "task", BASE / "layers", BASE / "invocations"
Handler = Callable[[Any, Context], Any]


class LogFormat(logging.Formatter):
    """Lambda's own line: level, time, request, message, with tabs between."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        record.asctime = f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"
        text = f"[{record.levelname}]\t{record.asctime}\t{self.request_id}\t{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def find_handler(name: str) -> Handler:
    """`package/module.function`, imported."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': write module.function")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise RuntimeFault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from error
    if not hasattr(module, function):
        raise RuntimeFault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'")
    found: Handler = getattr(module, function)
    return found


def say(line: str) -> None:
    """One line of the log, after all that the function has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, f"{line}\n".encode())


class Runtime:
    """One function, from its import to the last invocation."""

    def __init__(self) -> None:
        self.format = LogFormat()
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(self.format)
        logging.getLogger().addHandler(handler)
        self.handler: Handler | None = None

    def load(self) -> tuple[Exception | None, str]:
        """Import the handler, if that has not been done; answers what went wrong, and the REPORT's addition."""
        if self.handler is not None:
            return None, ""
        started, fault = time.monotonic(), None
        try:
            self.handler = find_handler(os.environ["_HANDLER"])
        except Exception as error:
            fault = error
        return fault, f"\tInit Duration: {(time.monotonic() - started) * 1000:.2f} ms"

    def invoke(self, request_id: str) -> None:
        """Carry out one invocation and leave its response."""
        fault, report = self.load()
        request = json.loads((INVOCATIONS / f"{request_id}.request").read_text("utf-8"))
        self.format.request_id = request_id
        say(f"START RequestId: {request_id} Version: {os.environ['AWS_LAMBDA_FUNCTION_VERSION']}")
        started = time.monotonic()
        failed = False
        try:
            if fault is not None or self.handler is None:
                raise fault or RuntimeError("no handler")
            payload = answer(self.handler(json.loads(request["event"]), Context(request_id, request, dict(os.environ))))
        except Exception as error:
            document, failed = error_document(error, request_id, str(TASK)), True
            payload = json.dumps(document)
            lines = [f"[ERROR] {document['errorType']}: {document['errorMessage']}"]
            if document["stackTrace"]:
                lines += ["Traceback (most recent call last):", *"".join(document["stackTrace"]).splitlines()]
            say("\n".join(lines))
        duration = (time.monotonic() - started) * 1000
        complete = INVOCATIONS / f"{request_id}.complete"
        complete.write_text(json.dumps({"payload": payload, "failed": failed}), "utf-8")
        complete.rename(INVOCATIONS / f"{request_id}.response")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)
        say(f"END RequestId: {request_id}")
        say(
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms"
            f"\tMemory Size: {os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']} MB\tMax Memory Used: {used} MB{report}"
        )


def main() -> None:
    """Serve invocations for ever."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [LAYERS / "python", LAYERS / "python" / "lib" / version / "site-packages"]
    sys.path[:1] = [str(TASK), *(str(layer) for layer in layers)]
    sys.modules.pop("invocation")  # the function may have a module of this name
    os.chdir(TASK)
    runtime = Runtime()
    with (BASE / "requests").open("r", encoding="ascii") as requests:
        for line in requests:
            runtime.invoke(line.strip())


if __name__ == "__main__":
    main()

"""Sageyard's own endpoints, under /_sageyard: health, clock, reset, a monitoring schedule run now, and its reports."""

import asyncio
import os
import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from sageyard import __version__
from sageyard.aws.lambda_operations import ARCHIVES
from sageyard.clock import iso
from sageyard.errors import AwsError
from sageyard.monitoring.report.reports import PREFIX as REPORTS
from sageyard.sagemaker.presigned import PREFIX, page
from sageyard.wire.asgi import Receive, Scope, Send

if TYPE_CHECKING:
    from sageyard.app import Sageyard

CONTENT = "default-src 'none'; style-src 'unsafe-inline'"
"""What a page may load: nothing, and no script may run, whatever a column is called."""


class Admin:
    """What AWS has no operation for. Answers JSON, and reports as HTML; refusals are 400 with `message`."""

    def __init__(self, server: "Sageyard") -> None:
        self.server = server
        self.started = time.monotonic()
        self.router = Router(
            [
                Route("/_sageyard/health", self.health),
                Route("/_sageyard/clock", self.clock, methods=["GET", "POST"]),
                Route("/_sageyard/reset", self.reset, methods=["POST"]),
                Route("/moto-api/reset", self.reset, methods=["POST"]),  # suites written for moto call this one
                Route(PREFIX + "{path:path}", self.application),
                Route(ARCHIVES + "{region}/{name}/{version}", self.function_archive),
                Route("/_sageyard/monitoring-schedules/{name}/run", self.run_schedule, methods=["POST"]),
                Route(REPORTS, self.report),
                Route(REPORTS + "/{schedule}", self.report),
                Route(REPORTS + "/{schedule}/{execution}", self.report),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.router(scope, receive, send)

    async def health(self, request: Request) -> Response:
        """Version, process, uptime in seconds, and how many resources there are by type and status."""
        return JSONResponse(
            {
                "status": "ok",
                "version": __version__,
                "pid": os.getpid(),
                "endpoint_url": self.server.settings.endpoint_url,
                "state_dir": str(self.server.settings.state_dir),
                "uptime": round(time.monotonic() - self.started, 3),
                "now": iso(self.server.clock.now()),
                "resources": self.server.store.counts(),
            }
        )

    async def clock(self, request: Request) -> Response:
        """GET: the server's time. POST `{"advance": seconds}`: move it forward, for schedules in demos and tests."""
        clock = self.server.clock
        if request.method == "POST":
            try:
                clock.advance(float((await request.json())["advance"]))
            except (ValueError, KeyError, TypeError) as error:
                return JSONResponse({"message": f'Send {{"advance": seconds}}, not negative: {error}'}, 400)
            self.server.store.remember("clock offset", repr(clock.offset))
            self.server.schedules.wake()
            self.server.functions.wake()
            self.server.events.wake()
        return JSONResponse({"now": iso(clock.now()), "epoch": clock.now(), "offset": clock.offset})

    async def reset(self, request: Request) -> Response:
        """Forget everything."""
        await self.server.reset()
        return JSONResponse({"status": "ok"})

    async def application(self, request: Request) -> Response:
        """Where a presigned URL leads: what is not behind it, and what to use instead."""
        try:
            return PlainTextResponse(page(request.path_params["path"]))
        except LookupError:
            return PlainTextResponse("No presigned URL leads here.\n", 404)

    async def function_archive(self, request: Request) -> Response:
        """The archive of a Lambda function: where the Code.Location of GetFunction leads."""
        place = request.path_params
        try:
            found = await asyncio.to_thread(
                self.server.mount.functions.find, place["region"], place["name"], place["version"]
            )
        except AwsError as error:
            return PlainTextResponse(f"{error.message}\n", 404)
        return Response(found.code, media_type="application/zip")

    async def run_schedule(self, request: Request) -> Response:
        """Run a monitoring schedule now; the default window ends with the current hour's captures."""
        region = request.query_params.get("region", self.server.settings.region)
        try:
            execution = await self.server.schedules.run_now(request.path_params["name"], region)
        except AwsError as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.http_status)
        report = self.server.schedules.executions.reports.url(region, request.path_params["name"], execution)
        return JSONResponse({"MonitoringExecution": execution, "Report": report})

    async def report(self, request: Request) -> Response:
        """HTML: the schedules of a region, one schedule, or the report of an execution, by its name or `latest`."""
        region = request.query_params.get("region", self.server.settings.region)
        place, reports = request.path_params, self.server.schedules.executions.reports
        try:
            if "execution" in place:
                html = await reports.execution(region, place["schedule"], place["execution"])
            elif "schedule" in place:
                html = await reports.schedule(region, place["schedule"])
            else:
                html = await reports.schedules(region)
        except AwsError as error:
            return PlainTextResponse(f"{error.message}\n", 404)
        return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT})

"""InvokeEndpoint against the container directly: throughput, added latency, and data capture under load.

Run as `python tests/benchmarks/invoke.py [image repository]`. One endpoint with one instance and XGBoost of 100 trees;
the same body goes to the container's own port and through the router, in turns, from the same load generator in a
process of its own. Without an argument the container is a bare uvicorn server; `sagemaker-xgboost` is the built-in one.
"""

import contextlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import psutil

HERE = Path(__file__).parent
SERVER = HERE.parent / "unit" / "serving" / "server.py"
CONTAINERS = HERE.parents[1] / "containers"
ROUNDS = 3
CONNECTIONS = 32
REQUESTS = 12_000
ROW = b",".join(b"%.4f" % (0.1 * number) for number in range(30))
HEADERS = {"content-type": "text/csv"}

BARE_IMAGE = 'name = "bare"\nrepositories = ["bare"]\nentrypoint = ["python", "entrypoint.py"]\ncommand = []\n'
BARE_ENTRYPOINT = """
import os
import numpy
import uvicorn
import xgboost

booster = xgboost.Booster(model_file=os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/model/xgboost-model.json")
booster.set_param("nthread", 1)


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    answer = b""
    if body:
        row = numpy.fromstring(body, sep=",", dtype=numpy.float32).reshape(1, -1)
        answer = b"%f" % booster.inplace_predict(row)[0]
    headers = [(b"content-type", b"text/csv"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


uvicorn.run(app, port=int(os.environ["SAGEMAKER_BIND_TO_PORT"]), log_level="warning", lifespan="off")
"""


def model_archive(folder: Path) -> bytes:
    """A trained booster as model.tar.gz, under the names that both containers read."""
    import numpy
    import xgboost

    generator = numpy.random.default_rng(1)
    rows = generator.normal(size=(500, 30))
    data = xgboost.DMatrix(rows, (rows.sum(axis=1) > 0).astype(int))
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 5, "nthread": 1}, data, 100)
    booster.save_model(folder / "xgboost-model.json")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder / "xgboost-model.json", "xgboost-model.json")
        if CONTAINERS.joinpath("sagemaker-xgboost").exists():
            tar.add(folder / "xgboost-model.json", "xgboost-model")
    return buffer.getvalue()


@contextlib.contextmanager
def server(state: Path, images: Path) -> Iterator[tuple[str, Any, psutil.Process]]:
    """URL, SageMaker client and process of a server with endpoints and nothing else."""
    port = 20_000 + os.getpid() % 10_000
    process = subprocess.Popen([sys.executable, SERVER, state, str(port), images])
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "sagemaker", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    try:
        yield url, client, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Until somebody listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def deploy(client: Any, name: str, image: str, capture: bool) -> None:
    """An endpoint in service."""
    client.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        PrimaryContainer={
            "Image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{image}:1",
            "ModelDataUrl": "s3://bench-bucket/m",
        },
    )
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    config = {
        "EnableCapture": capture,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bench-bucket/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=config)
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    while (described := client.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        time.sleep(0.05)
    assert described["EndpointStatus"] == "InService", described


def container_port(process: psutil.Process) -> int:
    """The port that the server's one container listens on."""
    return next(
        int(port)
        for child in process.children(recursive=True)
        if (port := child.environ().get("SAGEMAKER_BIND_TO_PORT"))
    )


def measure(url: str, connections: int, requests: int) -> Any:
    """One run of the load generator."""
    sys.path.insert(0, str(HERE))
    import uvloop
    from load import load

    async def run() -> Any:
        return await load(url, ROW, HEADERS, connections, requests)

    result = uvloop.run(run())
    assert result.failures == 0, result
    return result


def captured(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.jsonl"))


def main(image: str = "bare") -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "s3" / "bench-bucket").mkdir(parents=True)
        (folder / "s3" / "bench-bucket" / "m").write_bytes(model_archive(folder))
        (folder / "images" / "bare").mkdir(parents=True)
        (folder / "images" / "bare" / "image.toml").write_text(BARE_IMAGE)
        (folder / "images" / "bare" / "entrypoint.py").write_text(BARE_ENTRYPOINT)
        images = folder / "images" if image == "bare" else CONTAINERS
        with server(folder, images) as (url, client, process):
            wait_for_port(int(url.rpartition(":")[2]))
            deploy(client, "plain", image, capture=False)
            ways = {
                "container directly": f"http://127.0.0.1:{container_port(process)}/invocations",
                "through Sageyard": f"{url}/endpoints/plain/invocations",
            }
            for way in ways.values():
                measure(way, 4, 500)
            one = {label: [measure(way, 1, 3000) for _ in range(ROUNDS)] for label, way in ways.items()}
            many = {label: [] for label in ways}
            for _ in range(ROUNDS):
                for label, way in ways.items():
                    many[label].append(measure(way, CONNECTIONS, REQUESTS).throughput)
            for label in ways:
                p50, p99 = median(r.p50 for r in one[label]), median(r.p99 for r in one[label])
                rate = median(many[label])
                print(
                    f"{label:20} p50 {p50:.3f} ms  p99 {p99:.3f} ms (1 client)  {rate:,.0f}/s ({CONNECTIONS} clients)"
                )
            direct, through = ways
            for figure in ("p50", "p99"):
                added = median(getattr(r, figure) for r in one[through]) - median(
                    getattr(r, figure) for r in one[direct]
                )
                print(f"added latency {figure}: {added:.3f} ms")
            print(f"throughput ratio: {median(many[through]) / median(many[direct]):.2f}")

            deploy(client, "capturing", image, capture=True)
            rates = [measure(f"{url}/endpoints/capturing/invocations", CONNECTIONS, REQUESTS) for _ in range(ROUNDS)]
            sent = ROUNDS * REQUESTS
            while list((folder / "capture").iterdir()):
                time.sleep(0.1)
            rate = median(r.throughput for r in rates)
            print(f"with capture 100%: {rate:,.0f}/s, {captured(folder / 's3')} of {sent} records delivered")


if __name__ == "__main__":
    main(*sys.argv[1:])

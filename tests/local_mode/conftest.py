"""A server where containers reach it, and Sageyard's images as local mode wants them."""

import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Server, eventually, free_port
from tests.sdk.conftest import LOOPBACK, interpreter
from tests.sdk.conftest import SCRIPTS as SDK_SCRIPTS

SCRIPTS = Path(__file__).parent / "scripts"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
URIS = {
    f"{REGISTRY}/sagemaker-xgboost:1.7-1": "sagemaker-xgboost",
    f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3": "sagemaker-scikit-learn",
}


def docker(*arguments: str, **options: Any) -> str:
    """What the docker command line says; CalledProcessError where it fails."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, **options).stdout.strip()


def build_image(name: str) -> None:
    """Sageyard's image of this name; a second where the engine's cache has it."""
    subprocess.run([sys.executable, "-m", "sageyard", "images", "build", name], check=True, capture_output=True)


def bridge_address() -> str:
    """This machine's address on the engine's default bridge: right from the machine and from any container on it."""
    (config,) = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"]
    return config.get("Gateway") or str(ipaddress.ip_network(config["Subnet"])[1])


@pytest.fixture(scope="session")
def bridge_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that listens on the bridge's address, as LOCAL_MODE.md says."""
    host, port, state = bridge_address(), free_port(), tmp_path_factory.mktemp("local-mode")
    command = [sys.executable, "-m", "sageyard", "up", "--host", host, "--port", str(port), "--state-dir", str(state)]
    with (state / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Server(f"http://{host}:{port}", state, process)

    def ready() -> bool:
        assert process.poll() is None, (state / "server.log").read_text()[-3000:]
        try:
            return bool(server.get("/_sageyard/health")["status"] == "ok")
        except OSError:
            return False

    eventually(ready, 60, "the server's readiness")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def local_images(bridge_server: Server) -> Iterator[None]:
    """Sageyard's images under AWS's names, by the command of LOCAL_MODE.md; the names are taken away at the end."""
    for uri, name in URIS.items():
        build_image(name)
        docker(
            "build", "--build-arg", f"IMAGE=sageyard/{name}", "--build-arg", "AWS_ENDPOINT_URL", "-t", uri,
            str(REPOSITORY / "infra" / "local-mode"),
            env=os.environ | {"AWS_ENDPOINT_URL": bridge_server.url},
        )  # fmt: skip
    yield
    for uri in URIS:  # local mode leaves its containers, ended
        if ended := docker("ps", "-aq", "--filter", f"ancestor={uri}").split():
            docker("rm", "--force", "--volumes", *ended)
        docker("rmi", uri)
    subprocess.run(["docker", "network", "rm", "sagemaker-local"], capture_output=True)  # somebody else's may be in use


@pytest.fixture
def run_local(bridge_server: Server, local_images: None, tmp_path: Path) -> Callable[[int, str], dict[str, Any]]:
    """Run a script under an SDK version, with a serving port of its own; its REPORT, after asserting that it contacted
    this machine and the engine only and left no container."""

    def run(version: int, name: str) -> dict[str, Any]:
        hosts = tmp_path / "hosts"
        home = tmp_path / "home"
        temporary = tmp_path / "tmp"  # where the SDKs leave what the engine made root's
        temporary.mkdir()
        (home / ".sagemaker").mkdir(parents=True)
        (home / ".sagemaker" / "config.yaml").write_text(f"local:\n  serving_port: {free_port()}\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "CONTACTED_HOSTS": str(hosts),
            "PYTHONPATH": f"{SDK_SCRIPTS}{os.pathsep}{SDK_SCRIPTS / 'guard'}",
        }
        before = set(docker("ps", "-aq").split())
        command = [sys.executable, "-m", "sageyard", "run", "--state-dir", str(bridge_server.state_dir), "--"]
        finished = subprocess.run(
            [*command, interpreter(version), str(SCRIPTS / f"{name}.py"), str(tmp_path)],
            env=environment, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False,
        )  # fmt: skip
        output = finished.stdout + finished.stderr
        assert finished.returncode == 0, f"{finished.stdout[-5000:]}\n{finished.stderr[-5000:]}"
        contacted = {host for host in hosts.read_text().split() if not host.startswith("/")}
        assert bridge_address() in contacted, "the guard saw no connection to the server: it was not loaded"
        assert contacted - LOOPBACK - {bridge_address()} == set(), f"contacted {sorted(contacted)}"
        _, found, line = finished.stdout.rpartition("REPORT ")
        assert found, output[-6000:]
        report: dict[str, Any] = json.loads(line.splitlines()[0])
        report["output"] = output
        report["running"] = sorted(set(docker("ps", "-q").split()) - before)
        return report

    return run

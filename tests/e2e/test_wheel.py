"""The wheel works away from the checkout: the containers' code is inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ARCHIVE_ONLY = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built wheel unpacked, as pip would into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *ARCHIVE_ONLY, "--wheel-dir", str(folder), str(REPOSITORY)], check=True
    )
    (wheel,) = folder.glob("sageyard-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, code: str) -> str:
    """Run code that sees the wheel's package first, from a folder that is not the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=installed, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_wheel_finds_its_own_images(installed: Path) -> None:
    code = (
        "from sageyard.runners.images import Images; print(Images().find('x/sagemaker-xgboost:1').name, Images().root)"
    )
    name, root = run(installed, code).split()
    assert name == "sagemaker-xgboost"
    assert Path(root) == installed / "sageyard" / "_containers"


def test_the_wheel_has_migrations_and_the_client_plugin(installed: Path) -> None:
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert "sageyard/store/migrations/0001_resources.sql" in files
    assert "sageyard/client/sageyard_client.py" in files
    assert any(name.endswith(".sql") and name.startswith("sageyard/aws/migrations") for name in files)
    assert "sageyard/_containers/sagemaker-model-monitor-analyzer/entrypoint.py" in files


def test_the_command_is_declared(installed: Path) -> None:
    (entry_points,) = installed.glob("sageyard-*.dist-info/entry_points.txt")
    assert "sageyard = sageyard.cli:main" in entry_points.read_text("utf-8")

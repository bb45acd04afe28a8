"""The variables and the Python that a container starts with.

Each container gets a virtual environment of its own on top of the server's: it imports what the server can, and
what `pip install` adds or upgrades lands in the container's folder and ends with it. pip leaves packages outside the
running environment alone, so the server's are never touched.
"""

import os
import site
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sageyard.runners.base import SHARED_CORES

PASSED_ON = {
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LD_LIBRARY_PATH"),
}
"""Variables of the server that say how this machine reaches packages and libraries."""

PIP = """\
#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""


def install_python(folder: Path) -> None:
    """Make a virtual environment that sees the server's packages; 1 ms, as nothing is copied."""
    binaries = folder / "bin"
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    binaries.mkdir(parents=True)
    packages.mkdir(parents=True)
    base = Path(sys._base_executable)  # type: ignore[attr-defined]  # venv itself relies on it
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        (binaries / name).symlink_to(base)
    for name in ("pip", "pip3"):
        (binaries / name).write_text(PIP)
        (binaries / name).chmod(0o755)
    (packages / "sageyard.pth").write_text(_paths_file())


@cache
def _paths_file() -> str:
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    lines = [f"import site; site.addsitedir({folder!r})" for folder in folders]
    if find_spec("pip") is None and (bundled := find_spec("ensurepip")) and bundled.origin:
        lines += [str(wheel) for wheel in (Path(bundled.origin).parent / "_bundled").glob("pip-*.whl")]
    return "\n".join([*lines, ""])


def variables(request: Mapping[str, str], home: Path, seen_root: Path, *, relocated: bool) -> dict[str, str]:
    """The container's environment; `home` is its private folder as the container sees it."""
    server = {name: value for name, value in os.environ.items() if _passes(name)}
    binaries = [str(home / "python" / "bin"), str(Path(sys.executable).parent)]
    system = os.environ.get("PATH") or os.defpath
    environment = {
        **SHARED_CORES,
        "PIP_CACHE_DIR": str(_pip_cache()),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_WARN_CONFLICTS": "0",  # pip's "off": it would check, for a second, the server's packages
        "PIP_ROOT_USER_ACTION": "ignore",
        **server,
        "PATH": os.pathsep.join([*binaries, *(part for part in system.split(os.pathsep) if part not in binaries)]),
        "VIRTUAL_ENV": str(home / "python"),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
    }
    config = Path("~/.config/pip/pip.conf").expanduser()
    if config.is_file():  # HOME has moved, and with it where pip looks for the machine's package index
        environment.setdefault("PIP_CONFIG_FILE", str(config))
    if environment.keys() & {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"}:
        exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
        environment["no_proxy"] = environment["NO_PROXY"] = f"127.0.0.1,localhost,{exempt}".rstrip(",")
    if relocated:
        environment["SAGEMAKER_BASE_DIR"] = str(seen_root)
    return environment | dict(request)


def _passes(name: str) -> bool:
    places = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER"}  # would lead pip out of the container's folder
    return name in PASSED_ON or (name.startswith("PIP_") and name not in places)


def _pip_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pip"

"""Where the server listens, where its state lies and what it may use. Read once, at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4747
DEFAULT_REGION = "us-east-1"
ACCOUNT_ID = "123456789012"  # moto's account: buckets, roles and jobs must agree on one


FREE_SIZE = 2 * 1024**3
LARGEST_RATIO = 50
"""What is packed may unpack to 2 GiB, or to 50 times its own size: model files compress less than tenfold."""


def default_state_dir() -> Path:
    """`$SAGEYARD_STATE_DIR`, else `$XDG_STATE_HOME/sageyard`, else `~/.local/state/sageyard`."""
    if explicit := os.environ.get("SAGEYARD_STATE_DIR"):
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "sageyard"


@dataclass(frozen=True)
class Settings:
    """One server's settings. Sizes in bytes, times in seconds."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    state_dir: Path = field(default_factory=default_state_dir)
    region: str = DEFAULT_REGION
    account_id: str = ACCOUNT_ID
    runner: str = "process"
    parallel_jobs: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    stop_grace: float = 120.0
    quotas: Mapping[str, int] = field(default_factory=dict)
    unpack_limit: int | None = None

    @property
    def endpoint_url(self) -> str:
        """What clients on this machine point AWS_ENDPOINT_URL at."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    def largest_unpacked(self, packed: int) -> int:
        """How many bytes an archive or gzip file of `packed` bytes may unpack to."""
        return max(FREE_SIZE, LARGEST_RATIO * packed) if self.unpack_limit is None else self.unpack_limit

    @property
    def database(self) -> Path:
        """SQLite file of resources, tags, queue and indexes."""
        return self.state_dir / "sageyard.db"

    @property
    def objects_dir(self) -> Path:
        """Bytes of S3 objects."""
        return self.state_dir / "objects"

    @property
    def image_map(self) -> Path:
        """What `sageyard images map` has written."""
        return self.state_dir / "image-map.json"

    @property
    def work_dir(self) -> Path:
        """One folder per running job host or endpoint worker: its /opt/ml."""
        return self.state_dir / "work"

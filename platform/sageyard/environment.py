"""The variables that make unmodified AWS clients in another process use this server.

What each is for (contact with AWS's own hosts is what they prevent):

- AWS_ENDPOINT_URL moves every boto3 client, except the STS clients that the SageMaker SDKs build for a fixed host;
  those come home through the botocore plugin in `sageyard/client`.
- AWS_DEFAULT_REGION is the only region variable that boto3 reads; AWS_REGION is what containers and the SDKs read.
- Keys: a key pair in `base` is kept. Otherwise dummies are set, even where AWS_PROFILE or a credentials file names
  real ones: variables win over files, so neither real keys nor the requests that resolve a profile (SSO, assumed
  roles) leave the machine, and a forgotten AWS_ENDPOINT_URL ends in a refusal and not in a real account.
- SAGEMAKER_USER_CONFIG_OVERRIDE names the default bucket (the SDKs then ask STS for nothing) and opts out of the
  telemetry that the SDKs send to a bucket of AWS. It takes the place of the user's own SDK configuration file.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sageyard.settings import ACCOUNT_ID

PLUGIN_DIR = Path(__file__).resolve().parent / "client"
PLUGIN = "sageyard=sageyard_client"
DUMMY_KEY = "sageyard"

SDK_CONFIG = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: {bucket}
"""


def default_bucket(region: str) -> str:
    """The bucket that the SDKs use where the user names none: `sagemaker-<region>-<account>`, as on AWS."""
    return f"sagemaker-{region}-{ACCOUNT_ID}"


def client_environment(endpoint_url: str, region: str, state_dir: Path, *, base: Mapping[str, str]) -> dict[str, str]:
    """The variables to set on top of `base`, the environment that the process would have had.

    Writes the SDKs' configuration file into `state_dir`, which is created where it is missing.
    """
    environment = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(_write_sdk_config(state_dir, region)),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "BOTOCORE_EXPERIMENTAL__PLUGINS": _with_item(PLUGIN, base.get("BOTOCORE_EXPERIMENTAL__PLUGINS", ""), ","),
        "PYTHONPATH": _with_item(str(PLUGIN_DIR), base.get("PYTHONPATH", ""), os.pathsep),
    }
    if not (base.get("AWS_ACCESS_KEY_ID") and base.get("AWS_SECRET_ACCESS_KEY")):
        environment |= {"AWS_ACCESS_KEY_ID": DUMMY_KEY, "AWS_SECRET_ACCESS_KEY": DUMMY_KEY}
    environment |= {name: endpoint_url for name in base if name.startswith("AWS_ENDPOINT_URL_")}
    if "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" in base:
        environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    if any(base.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        exempt = _with_item(
            urlsplit(endpoint_url).hostname or "", base.get("no_proxy") or base.get("NO_PROXY", ""), ","
        )
        environment |= {"no_proxy": exempt, "NO_PROXY": exempt}
    return environment


def _with_item(item: str, existing: str, separator: str) -> str:
    """`item` in front of a list variable, once; evaluating the same environment twice changes nothing."""
    return separator.join([item, *(part for part in existing.split(separator) if part and part != item)])


def _write_sdk_config(state_dir: Path, region: str) -> Path:
    path = state_dir / f"sdk-config-{region}.yaml"
    text = SDK_CONFIG.format(bucket=default_bucket(region))
    if not path.exists() or path.read_text() != text:
        state_dir.mkdir(parents=True, exist_ok=True)
        complete = path.with_suffix(f".{os.getpid()}")
        complete.write_text(text)
        complete.replace(path)
    return path.resolve()

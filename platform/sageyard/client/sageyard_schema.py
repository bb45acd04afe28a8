"""The SageMaker SDKs' configuration schema, no longer checked at each look-up of a setting.

With a configuration file in use, and `sageyard env` names one, the SDK v2 validates it at each of the fifty look-ups of
a fit and a deploy, and jsonschema first checks the SDK's own constant schema against its meta-schema, 0.12 s each time.
The schema is marked here as written in a dialect of the same keywords with an empty meta-schema: the configuration is
validated by the same rules, the schema is not. jsonschema's public `create` makes the dialect.
"""

from __future__ import annotations

import sys

SCHEMA_MODULES = ("sagemaker.config.config_schema", "sagemaker.core.config.config_schema")
DIALECT = "urn:sageyard:trusted-schema"


def trust_schemas() -> None:
    """Mark the schemas of the SDK modules that have been imported."""
    for name in SCHEMA_MODULES:
        schema = getattr(sys.modules.get(name), "SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA", None)
        if isinstance(schema, dict) and schema.get("$schema") != DIALECT:
            _mark(schema)


def _mark(schema: dict[str, object]) -> None:
    from jsonschema import validators  # type: ignore[import-untyped]  # the SDK, which has the schema, brings it

    usual = validators.validator_for(schema)
    validators.create(  # registers itself under its meta-schema's $id
        meta_schema={"$id": DIALECT, "$schema": DIALECT},
        validators=usual.VALIDATORS,
        version="sageyard",
        type_checker=usual.TYPE_CHECKER,
        format_checker=usual.FORMAT_CHECKER,
    )
    schema["$schema"] = DIALECT

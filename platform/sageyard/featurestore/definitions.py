"""The rules of a feature group's features (CreateFeatureGroup, FeatureDefinition and the guide's page on quotas, naming
rules and data types)."""

from collections.abc import Iterable

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

RESERVED = frozenset({"is_deleted", "write_time", "api_invocation_time"})
"""Columns that the offline store adds."""
MAX_FEATURES = 2500


def check_group(request: Document) -> None:
    """Refuse a CreateFeatureGroup whose features, or the two that have a part to play, break a rule."""
    definitions = request["FeatureDefinitions"]
    check_features(definitions, collections=in_memory(request))
    by_name = {definition["FeatureName"]: definition for definition in definitions}
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        name = request[member]
        if name not in by_name:
            raise ValidationError(
                f"{member} '{name}' is not one of FeatureDefinitions: define a feature of this name, or name another."
            )
        if "CollectionType" in by_name[name]:
            raise ValidationError(
                f"{member} '{name}' has the CollectionType {by_name[name]['CollectionType']}: it must be one value."
            )
    time = request["EventTimeFeatureName"]
    if time == request["RecordIdentifierFeatureName"]:
        raise ValidationError(f"'{time}' cannot be both RecordIdentifierFeatureName and EventTimeFeatureName.")
    kind = by_name[time]["FeatureType"]
    if kind == "Integral":
        raise ValidationError(
            f"EventTimeFeatureName '{time}' has the FeatureType Integral: it must be Fractional (seconds since the "
            "Unix epoch) or String (ISO-8601)."
        )
    if request.get("OfflineStoreConfig", {}).get("TableFormat") == "Iceberg" and kind != "String":
        raise ValidationError(
            f"EventTimeFeatureName '{time}' has the FeatureType {kind}: with the TableFormat Iceberg it must be String."
        )


def check_features(definitions: Iterable[Document], *, collections: bool, taken: Iterable[str] = ()) -> None:
    """Refuse features that cannot be defined, alone or beside those `taken`; `collections` says whether these may be.

    Names that differ only in case are refused as well: they are one column of the offline store's table.
    """
    seen = {name.lower() for name in taken}
    for definition in definitions:
        name = definition["FeatureName"]
        if name.lower() in RESERVED:
            raise ValidationError(
                f"FeatureName '{name}' is reserved: a feature cannot be named any of {', '.join(sorted(RESERVED))}."
            )
        if name.lower() in seen:
            raise ValidationError(
                f"FeatureName '{name}' is defined more than once: names must be unique in a feature group, whatever "
                "their case."
            )
        seen.add(name.lower())
        _check_collection(definition, collections=collections)
    if len(seen) > MAX_FEATURES:
        raise ValidationError(f"A feature group can have {MAX_FEATURES} FeatureDefinitions at most, not {len(seen)}.")


def _check_collection(definition: Document, *, collections: bool) -> None:
    name, collection = definition["FeatureName"], definition.get("CollectionType")
    dimension = definition.get("CollectionConfig", {}).get("VectorConfig")
    if dimension is not None and collection != "Vector":
        raise ValidationError(f"Feature '{name}' has a VectorConfig, which only the CollectionType Vector takes.")
    if collection is None:
        return
    if not collections:
        raise ValidationError(
            f"Feature '{name}' has the CollectionType {collection}, which only feature groups with an online store of "
            "the StorageType InMemory can have."
        )
    if collection == "Vector":
        if dimension is None:
            raise ValidationError(f"Feature '{name}' is a Vector: give its Dimension in CollectionConfig.VectorConfig.")
        if definition["FeatureType"] != "Fractional":
            raise ValidationError(
                f"Feature '{name}' is a Vector of the FeatureType {definition['FeatureType']}: it must be Fractional."
            )


def in_memory(document: Document) -> bool:
    """Whether a group's online store is one that takes collections."""
    config = document.get("OnlineStoreConfig", {})
    return bool(config.get("EnableOnlineStore")) and config.get("StorageType") == "InMemory"

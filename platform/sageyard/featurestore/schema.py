"""A feature group as its records see it: compiled once, then asked for every record.

Values travel as strings. What they may look like is on the guide's page on quotas, naming rules and data types; the
real service's own refusals of values are not public, so these texts are Sageyard's.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

Value = str | list[str]
Record = dict[str, Value]
"""Feature name to value, in the order in which they were put."""

MAX_IDENTIFIER = 2048
"""Bytes of a record identifier's value."""
MAX_RECORD = 350 * 1024
"""Bytes of all names and values of a record."""
SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC).timestamp()

INTEGRAL = re.compile(r"[+-]?[0-9]{1,19}")
FRACTIONAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?Infinity|NaN")
ISO_8601 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z")
RULES = {
    "Integral": "a whole number of 64 bits such as 42",
    "Fractional": "a decimal number such as 0.5 or 1e-3",
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature's type. `collection` is empty for single values; `dimension` is a Vector's length."""

    type: str
    collection: str = ""
    dimension: int = 0


class FeatureGroup:
    """What reading and writing records needs to know of a feature group; made anew when the group changes."""

    def __init__(self, name: str, arn: str, document: Document) -> None:
        online = document.get("OnlineStoreConfig", {})
        self.name, self.arn = name, arn
        self.status: str = document["FeatureGroupStatus"]
        self.identifier: str = document["RecordIdentifierFeatureName"]
        self.event_time: str = document["EventTimeFeatureName"]
        enabled = {"OnlineStore": online.get("EnableOnlineStore"), "OfflineStore": "OfflineStoreConfig" in document}
        self.stores = frozenset(store for store, on in enabled.items() if on)
        self.storage: str = online.get("StorageType", "Standard")
        self.ttl = seconds(online.get("TtlDuration"))
        self.features = {
            one["FeatureName"]: Feature(
                one["FeatureType"],
                one.get("CollectionType", ""),
                one.get("CollectionConfig", {}).get("VectorConfig", {}).get("Dimension", 0),
            )
            for one in document["FeatureDefinitions"]
        }

    def values(self, given: list[Document]) -> Record:
        """The values of a request's FeatureValues, each checked against its feature; raises ValidationError."""
        record: Record = {}
        for one in given:
            name = one["FeatureName"]
            feature = self.features.get(name)
            if feature is None:
                raise self.unknown(name)
            if name in record:
                raise ValidationError(f"Feature '{name}' is given more than once in the record: give it once.")
            record[name] = _value(name, feature, one)
        return record

    def complete(self, given: list[Document]) -> Record:
        """The values of a whole record: with its identifier and its event time."""
        record = self.values(given)
        for name, part in ((self.identifier, "record identifier"), (self.event_time, "event time")):
            if name not in record:
                raise ValidationError(
                    f"Feature '{name}' is missing: every record of FeatureGroup '{self.name}' needs its {part}."
                )
        self.check_identifier(str(record[self.identifier]))
        return record

    def text(self, record: Record) -> str:
        """A record as it is stored, JSON in ASCII; one that is too large is refused."""
        text = json.dumps(record)
        if len(text) > MAX_RECORD:  # never shorter than what it stands for
            size = sum(len(name) + _size(value) for name, value in record.items())
            if size > MAX_RECORD:
                raise ValidationError(f"The record has {size} bytes, more than the {MAX_RECORD} a record can have.")
        return text

    def targets(self, wanted: list[str] | None) -> frozenset[str]:
        """The stores that a write is for: all that the group has, unless TargetStores names some of them."""
        if not wanted:
            return self.stores
        for store in wanted:
            if store not in self.stores:
                raise ValidationError(
                    f"TargetStores names {store}, which FeatureGroup '{self.name}' does not have: leave it out, or "
                    "create the group with it."
                )
        return frozenset(wanted)

    def check_identifier(self, identifier: str) -> None:
        """Refuse a value that no record identifier of the group can have."""
        check_value(self.identifier, self.features[self.identifier].type, identifier)
        size = len(identifier.encode())
        if not 1 <= size <= MAX_IDENTIFIER:
            raise ValidationError(
                f"The value of the record identifier '{self.identifier}' has {size} bytes: it needs 1 to "
                f"{MAX_IDENTIFIER}."
            )

    def moment(self, event_time: str) -> float:
        """An event time in epoch seconds; raises ValidationError for what is none of this group's kind."""
        if self.features[self.event_time].type == "String":
            try:
                if ISO_8601.fullmatch(event_time):
                    return datetime.fromisoformat(event_time).timestamp()
            except ValueError:
                pass
            raise ValidationError(
                f"The event time {_shown(event_time)} of feature '{self.event_time}' is not ISO-8601 in UTC: it must "
                "be yyyy-MM-dd'T'HH:mm:ssZ or yyyy-MM-dd'T'HH:mm:ss.SSSZ, such as 2026-01-31T12:00:00Z."
            )
        check_value(self.event_time, "Fractional", event_time)
        moment = float(event_time)
        if not FIRST_MOMENT <= moment <= LAST_MOMENT:
            raise ValidationError(
                f"The event time {_shown(event_time)} of feature '{self.event_time}' is out of range: it must be "
                "seconds since the Unix epoch, not milliseconds, of the years 1 to 9999."
            )
        return moment

    def written(self, moment: float) -> str:
        """A moment as an event time of this group."""
        if self.features[self.event_time].type == "Fractional":
            return repr(moment)
        text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
        return text.removesuffix("+00:00") + "Z"

    def expiry(self, moment: float, ttl: int | None) -> float | None:
        """ExpiresAt = EventTime + TtlDuration."""
        if ttl is None:
            return None
        if moment + ttl > LAST_MOMENT:
            raise ValidationError(
                f"EventTime + TtlDuration ({ttl} seconds) is beyond the year 9999: give a shorter one."
            )
        return moment + ttl

    def unknown(self, name: str) -> ValidationError:
        """The refusal of a name that is no feature of the group."""
        return ValidationError(
            f"FeatureName {_shown(name)} is not defined in FeatureGroup '{self.name}': add it with "
            "UpdateFeatureGroup, or leave it out."
        )


def seconds(duration: Document | None) -> int | None:
    """A TtlDuration in seconds."""
    return duration["Value"] * SECONDS[duration["Unit"]] if duration else None


def check_value(name: str, kind: str, value: str) -> None:
    """Refuse a value that is not of its FeatureType."""
    if kind == "Integral":
        good = INTEGRAL.fullmatch(value) is not None and -(2**63) <= int(value) < 2**63
    else:
        good = kind == "String" or FRACTIONAL.fullmatch(value) is not None
    if not good:
        raise ValidationError(
            f"The value {_shown(value)} of feature '{name}' is not of its FeatureType {kind}: give {RULES[kind]}."
        )


def _value(name: str, feature: Feature, given: Document) -> Value:
    single, several = given.get("ValueAsString"), given.get("ValueAsStringList")
    if not feature.collection:
        if single is None or several is not None:
            raise ValidationError(
                f"Feature '{name}' is a single value: give ValueAsString alone, or leave the feature out if it is null."
            )
        check_value(name, feature.type, single)
        return str(single)
    if several is None or single is not None:
        raise ValidationError(f"Feature '{name}' is a {feature.collection}: give ValueAsStringList alone.")
    for item in several:
        check_value(name, feature.type, item)
    if feature.dimension and len(several) != feature.dimension:
        raise ValidationError(
            f"Feature '{name}' is a Vector of Dimension {feature.dimension}: give as many elements, not {len(several)}."
        )
    return list(dict.fromkeys(several)) if feature.collection == "Set" else several


def _size(value: Value) -> int:
    return len(value.encode()) if isinstance(value, str) else sum(len(item.encode()) for item in value)


def _shown(value: str) -> str:
    """A value as a message shows it, for it may be of any length."""
    return f"'{value}'" if len(value) <= 64 else f"'{value[:64]}…'"

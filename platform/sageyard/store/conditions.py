"""Conditions on resources and orders of resources, as SQL with the index that serves each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sageyard.store.properties import Property, PropertyIndexes, key_of

Values = tuple[object, ...]
Range = tuple[str, Values]
"""A comparison, and what it compares with: `> ?`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that a row must satisfy. `lookup` is a query of the ids that do, by index, maybe among others; empty where
    nothing but reading rows tells."""

    sql: str
    values: Values = ()
    lookup: str = ""
    looked_up: Values = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are sorted by, before their id. `key` is SQL; `index` the name of the index in this order.

    Where it is `partial`, some rows have no key: they come last in either direction.
    """

    key: tuple[str, ...]
    index: str = ""
    partial: bool = False
    source: str = "resources"
    among: str = "resources NOT INDEXED"
    """The same for a walk over given ids."""
    where: str = ""
    """What makes `source` one row a resource."""
    values: Values = ()
    absent: str = ""
    """SQL of rows without a key."""


COLUMNS = {"created": "resources_by_creation", "modified": "resources_by_change"}
ORDERS = {
    "CreationTime": Order(("created",), "resources_by_creation"),
    "LastModifiedTime": Order(("modified",), "resources_by_change"),
    "Name": Order(("name",), "sqlite_autoindex_resources_1"),
    "Status": Order(("status", "created"), "resources_by_status"),
}


def compared(column: str, kind: str, region: str, ranges: Sequence[Range]) -> Condition:
    """One of several comparisons of an indexed column: `created`, `modified`, `name`, `status` or `parent`."""
    index = COLUMNS.get(column, "sqlite_autoindex_resources_1" if column == "name" else f"resources_by_{column}")
    given = " AND parent <> ''" if column == "parent" else ""
    lookups = [
        f"SELECT id FROM resources INDEXED BY {index} WHERE kind = ? AND region = ? AND {column} {text}{given}"  # noqa: S608
        for text, _ in ranges
    ]
    return Condition(
        " OR ".join(f"resources.{column} {text}" for text, _ in ranges),
        tuple(value for _, values in ranges for value in values),
        " UNION ALL ".join(lookups),
        tuple(value for _, values in ranges for value in (kind, region, *values)),
    )


def property_compared(
    indexes: PropertyIndexes, kind: str, region: str, wanted: Property, ranges: Sequence[Range]
) -> Condition:
    """One of several comparisons of a document's member, with its index."""
    sql = " OR ".join(f"{wanted.key} {text}" for text, _ in ranges)
    values = tuple(value for _, compared_with in ranges for value in compared_with)
    index = indexes.of(kind, wanted)
    if index is None:
        return Condition(sql, values)
    lookups = [
        f"SELECT id FROM resources INDEXED BY {index} WHERE kind = '{kind}' AND region = ? AND {wanted.key} {text}"  # noqa: S608
        for text, _ in ranges
    ]
    looked_up = tuple(value for _, compared_with in ranges for value in (region, *compared_with))
    return Condition(sql, values, " UNION ALL ".join(lookups), looked_up)


def property_contains(indexes: PropertyIndexes, kind: str, region: str, wanted: Property, text: str) -> Condition:
    """A document's member contains a text, in any case. The index is read through: what it saves are the documents.
    Of texts that are numbers it has only the number, so each of them may be one."""
    sql = f"instr(lower({wanted.value}), lower(?)) > 0"
    index = indexes.of(kind, wanted)
    if index is None:
        return Condition(sql, (text,))
    walk = f"SELECT id FROM resources INDEXED BY {index} WHERE kind = '{kind}' AND region = ? AND {wanted.key}"  # noqa: S608
    lookup = f"{walk} < '' UNION ALL {walk} >= '' AND instr(lower({wanted.key}), lower(?)) > 0"
    return Condition(sql, (text,), lookup, (region, region, text))


def property_equals(indexes: PropertyIndexes, kind: str, region: str, wanted: Property, value: object) -> Condition:
    """A document's member is exactly this value."""
    near = property_compared(indexes, kind, region, wanted, [(f"= {key_of('?')}", (value,) * 5)])
    return Condition(f"({near.sql}) AND {wanted.value} = ?", (*near.values, value), near.lookup, near.looked_up)


def property_order(indexes: PropertyIndexes, kind: str, wanted: Property) -> Order:
    """By a document's member; resources without it come last. `IS NOT NULL` would be no range of the index."""
    return Order(
        (wanted.key,), indexes.of(kind, wanted) or "", partial=True, where=f"{wanted.key} >= -1e999",
        absent=f"{wanted.key} IS NULL",
    )  # fmt: skip


def arn_equals(arn: str) -> Condition:
    """The resource of an ARN."""
    return Condition("arn = ?", (arn,), "SELECT id FROM resources INDEXED BY resources_by_arn WHERE arn = ?", (arn,))


def of_trials(region: str, column: str, value: str) -> Condition:
    """Trial components in the trials whose `name`, or experiment (their `parent`), this is."""
    trials = f"SELECT arn FROM resources WHERE kind = 'Trial' AND region = ? AND {column} = ?"  # noqa: S608
    given = " AND parent <> ''" if column == "parent" else ""
    members = f"SELECT component FROM trial_members WHERE trial IN ({trials}{given})"  # noqa: S608 - fixed text
    query = f"SELECT id FROM resources INDEXED BY resources_by_arn WHERE arn IN ({members})"  # noqa: S608
    return Condition(f"arn IN ({members})", (region, value), query, (region, value))


def tagged(key: str, arns: str, value: str | None = None) -> Condition:
    """There is a tag of this key, and value if given. `arns` is what the ARNs of the kind begin with."""
    text, values = ("key = ?", (key,)) if value is None else ("key = ? AND value = ?", (key, value))
    sql = f"EXISTS (SELECT 1 FROM tags WHERE tags.arn = resources.arn AND {text})"  # noqa: S608 - fixed text
    if value is None:
        return Condition(sql, values)
    return Condition(
        sql,
        values,
        "SELECT resources.id FROM tags INDEXED BY tags_by_value CROSS JOIN resources INDEXED BY resources_by_arn"  # noqa: S608
        f" ON resources.arn = tags.arn WHERE {text} AND tags.arn >= ? AND tags.arn < ?",
        (*values, arns, arns[:-1] + chr(ord(arns[-1]) + 1)),
    )


def untagged(key: str, *values: str) -> Condition:
    """There is no tag of this key; with values, none of this key and one of them."""
    text = f" AND value IN ({', '.join('?' * len(values))})" if values else ""
    sql = f"NOT EXISTS (SELECT 1 FROM tags WHERE tags.arn = resources.arn AND key = ?{text})"  # noqa: S608 - marks
    return Condition(sql, (key, *values))


def visible(key: str, values: Sequence[str]) -> Condition:
    """If there is a tag of this key, it has one of these values."""
    marks = ", ".join("?" * len(values))
    tags = f"SELECT 1 FROM tags WHERE tags.arn = resources.arn AND key = ? AND value NOT IN ({marks})"  # noqa: S608
    return Condition(f"NOT EXISTS ({tags})", (key, *values))


def metric_compared(name: str, ranges: Sequence[Range]) -> Condition:
    """The final metric of this name compares in one of these ways."""
    either = " OR ".join(f"value {text}" for text, _ in ranges)
    values = tuple(value for _, compared_with in ranges for value in compared_with)
    return Condition(
        f"EXISTS (SELECT 1 FROM final_metrics WHERE resource = resources.id AND name = ? AND ({either}))",  # noqa: S608
        (name, *values),
        " UNION ALL ".join(
            f"SELECT resource AS id FROM final_metrics INDEXED BY final_metrics_by_value"  # noqa: S608 - fixed text
            f" WHERE name = ? AND value {text}"
            for text, _ in ranges
        ),
        tuple(value for _, compared_with in ranges for value in (name, *compared_with)),
    )


def metric_order(name: str) -> Order:
    """By the final metric of a name."""
    own = "SELECT 1 FROM final_metrics WHERE resource = resources.id AND final_metrics.name = ?"
    return Order(
        ("final_metrics.value",),
        partial=True,
        source="final_metrics INDEXED BY final_metrics_by_value CROSS JOIN resources ON resources.id = resource",
        among="resources NOT INDEXED CROSS JOIN final_metrics ON resource = resources.id",
        where="final_metrics.name = ?",
        values=(name,),
        absent=f"NOT EXISTS ({own})",
    )


def both(conditions: Sequence[Condition]) -> Condition:
    """All of some conditions; one of them is looked up."""
    looked_up = next((one for one in conditions if one.lookup), Condition(""))
    return replace(
        looked_up,
        sql=" AND ".join(f"({one.sql})" for one in conditions),
        values=tuple(value for one in conditions for value in one.values),
    )


def either(conditions: Sequence[Condition]) -> Condition:
    """At least one of some conditions."""
    known = all(one.lookup for one in conditions)
    return Condition(
        " OR ".join(f"({one.sql})" for one in conditions),
        tuple(value for one in conditions for value in one.values),
        " UNION ALL ".join(f"SELECT id FROM ({one.lookup})" for one in conditions) if known else "",  # noqa: S608
        tuple(value for one in conditions for value in one.looked_up) if known else (),
    )

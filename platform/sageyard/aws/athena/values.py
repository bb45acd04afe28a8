"""Values as Athena writes them, in SQL of DuckDB: `1.0E10`, `2026-11-21 08:15:30.000 UTC`, `{a=1, b=[x, null]}`.

Sources: results of Athena as its user guide and the tests of public drivers show them; doubles are Java's
(Double.toString). Formatting in the engine keeps rows out of Python: what comes out is lines of CSV.
"""

from typing import Any

from sageyard.aws.athena.formats import literal, quoted

MACROS = """
CREATE MACRO java_large(digits, whole) AS
    digits[1] || '.' || coalesce(nullif(digits[2:], ''), '0') || 'E' || (whole - 1)::VARCHAR;
CREATE MACRO java_small(zeros, digits) AS
    digits[1] || '.' || coalesce(nullif(digits[2:], ''), '0') || 'E-' || (zeros + 1)::VARCHAR;
CREATE MACRO java_exponent(mantissa, exponent) AS
    mantissa || CASE WHEN contains(mantissa, '.') THEN '' ELSE '.0' END || 'E' || exponent::INTEGER::VARCHAR;
CREATE MACRO java_text(value, text) AS CASE
    WHEN isnan(value) THEN 'NaN'
    WHEN isinf(value) THEN CASE WHEN value > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN value = 0 OR (abs(value) >= 1e-3 AND abs(value) < 1e7) THEN text
    ELSE CASE WHEN value < 0 THEN '-' ELSE '' END || CASE
        WHEN contains(text, 'e') THEN
            java_exponent(ltrim(split_part(text, 'e', 1), '-'), split_part(text, 'e', 2))
        WHEN abs(value) >= 1e7 THEN
            java_large(rtrim(replace(ltrim(text, '-'), '.', ''), '0'), length(split_part(ltrim(text, '-'), '.', 1)))
        ELSE java_small(
            length(split_part(text, '.', 2)) - length(ltrim(split_part(text, '.', 2), '0')),
            ltrim(split_part(text, '.', 2), '0'))
    END
END;
CREATE MACRO java_double(value) AS java_text(value, value::VARCHAR);
"""
NAMES = {
    "hugeint": ("bigint", 19, 0, False),
    "bigint": ("bigint", 19, 0, False),
    "ubigint": ("bigint", 19, 0, False),
    "integer": ("integer", 10, 0, False),
    "uinteger": ("bigint", 19, 0, False),
    "smallint": ("smallint", 5, 0, False),
    "utinyint": ("smallint", 5, 0, False),
    "usmallint": ("integer", 10, 0, False),
    "tinyint": ("tinyint", 3, 0, False),
    "double": ("double", 17, 0, False),
    "float": ("float", 17, 0, False),
    "boolean": ("boolean", 0, 0, False),
    "date": ("date", 0, 0, False),
    "time": ("time", 3, 0, False),
    "timestamp with time zone": ("timestamp with time zone", 3, 0, False),
    "blob": ("varbinary", 1073741824, 0, False),
    "list": ("array", 0, 0, False),
    "array": ("array", 0, 0, False),
    "struct": ("row", 0, 0, False),
    "map": ("map", 0, 0, False),
}
TEXT = ("varchar", 2147483647, 0, True)
MOMENT = "'%Y-%m-%d %H:%M:%S.%g'"


def column_info(name: str, kind: Any) -> dict[str, Any]:
    """ColumnInfo of a result's column; `kind` is a DuckDBPyType."""
    if kind.id == "decimal":
        (_, precision), (_, scale) = kind.children
        described = ("decimal", int(precision), int(scale), False)
    elif kind.id.startswith("timestamp") and "zone" not in kind.id:
        described = ("timestamp", 3, 0, False)
    else:
        described = NAMES.get(kind.id, TEXT)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": described[0],
        "Precision": described[1],
        "Scale": described[2],
        "Nullable": "UNKNOWN",
        "CaseSensitive": described[3],
    }


def text(value: str, kind: Any, depth: int = 0) -> str:
    """SQL that is `value` as Athena shows it; NULL stays NULL."""
    if kind.id in {"double", "float"}:
        return f"java_double({value})"
    if kind.id == "timestamp with time zone":
        return f"strftime(timezone('UTC', {value}), {MOMENT}) || ' UTC'"
    if kind.id.startswith("timestamp"):
        return f"strftime(CAST({value} AS TIMESTAMP), {MOMENT})"
    if kind.id == "blob":
        return f"rtrim(regexp_replace(lower(hex({value})), '(..)', '\\1 ', 'g'))"
    if kind.id in {"list", "array"}:
        item = f"item{depth}"
        shown = _inner(item, kind.children[0][1], depth + 1)
        return _joined(value, item, shown, "[]")
    if kind.id == "map":
        item, ((_, key), (_, held)) = f"item{depth}", kind.children
        shown = f"{_inner(f'{item}.key', key, depth + 1)} || '=' || {_inner(f'{item}.value', held, depth + 1)}"
        return _joined(f"map_entries({value})", item, shown, "{}")
    if kind.id == "struct":
        members = [
            literal(f"{name}=") + " || " + _inner(f"({value}).{quoted(name)}", member, depth)
            for name, member in kind.children
        ]
        inside = " || ', ' || ".join(members)
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE '{{' || {inside} || '}}' END"
    return f"CAST({value} AS VARCHAR)"


def _inner(value: str, kind: Any, depth: int) -> str:
    return f"coalesce({text(value, kind, depth)}, 'null')"


def _joined(values: str, item: str, shown: str, brackets: str) -> str:
    inside = f"array_to_string(list_transform({values}, lambda {item}: {shown}), ', ')"
    return f"'{brackets[0]}' || {inside} || '{brackets[1]}'"


def line(columns: list[Any]) -> str:
    """SQL of one line of CSV over columns c0, c1, …: every value in double quotes, NULL as nothing."""
    cells = []
    for number, kind in enumerate(columns):
        shown = text(f"c{number}", kind)
        cells.append(f"""coalesce('"' || replace({shown}, '"', '""') || '"', '')""")
    return " || ',' || ".join(cells)

"""Trino's SQL for DuckDB: parsed by sqlglot, checked, its tables bound to views, rewritten.

Nothing of a statement reaches DuckDB but as sqlglot wrote it from a tree in which every table is a view made for this
query, a common table expression, VALUES or UNNEST: no table function, no file name, no other statement.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sageyard.aws.athena.catalog import CATALOG
from sageyard.aws.athena.errors import MalformedQueryError, QueryError

if TYPE_CHECKING:
    from sqlglot import exp

SCHEMA = "bound"
"""DuckDB schema of the views."""
FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*([A-Za-z]*)", re.DOTALL)
QUERIES = {"SELECT", "WITH", "VALUES", "TABLE"}
KINDS = {"ALTER": "DDL", "CREATE": "DDL", "DESCRIBE": "UTILITY", "DROP": "DDL", "MSCK": "DDL", "SHOW": "UTILITY"}
"""Statements about tables, carried out on Glue."""
REFUSED = {
    *("CALL", "DEALLOCATE", "DELETE", "EXECUTE", "EXPLAIN", "GRANT", "INSERT", "MERGE", "OPTIMIZE", "PREPARE"),
    *("REVOKE", "SET", "UNLOAD", "UPDATE", "USE", "VACUUM"),
}
"""Statements of Athena or Trino that are understood and not carried out."""
# Joda's letters, Teradata's groups and their strptime: how Trino's functions name the parts of a time.
JODA = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "y": "%Y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "SSSSSS": "%f",
    "SSS": "%g",
    "EEEE": "%A",
    "EEE": "%a",
    "a": "%p",
    "ZZ": "%z",
    "Z": "%z",
}
TERADATA = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "hh24": "%H", "hh": "%I", "mi": "%M", "ss": "%S"}


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as a statement names it."""

    database: str
    name: str


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT for DuckDB and the tables that its views `bound.t0`, `bound.t1`, … stand for."""

    sql: str
    tables: dict[str, TableName] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """What was asked: `word` is its first, `kind` DML, DDL or UTILITY."""

    word: str
    text: str
    kind: str
    tree: "exp.Expr | None" = None


def parse(text: str, parameters: list[str]) -> Statement:
    """One statement; MalformedQueryError. Parameters replace the question marks of a query, as SQL, in order."""
    text = text.strip().removesuffix(";").strip()
    match = FIRST_WORD.match(text)
    word = (match[1] if match else "").upper()
    if word in QUERIES:
        text = _substitute(text, parameters)
        return Statement(word, text, "DML", _tree(text, "athena"))
    if word in {"CREATE", "DROP", "DESCRIBE"}:
        return Statement(word, text, KINDS[word], _tree(text, "athena"))
    if word in KINDS or word in REFUSED:
        return Statement(word, text, KINDS.get(word, "DML"))
    raise MalformedQueryError(f"line 1:1: mismatched input {word or text[:20]!r}: expecting a statement of Athena")


def _tree(text: str, dialect: str) -> "exp.Expr":
    import sqlglot
    from sqlglot.errors import ParseError, SqlglotError

    try:
        trees = sqlglot.parse(text, read=dialect)
    except ParseError as error:
        first = error.errors[0]
        place = f"line {first['line']}:{first['col']}: " if first.get("line") else ""
        near = f" near {first['highlight']!r}" if first.get("highlight") else ""
        raise MalformedQueryError(f"{place}{first['description']}{near}") from None
    except SqlglotError as error:
        raise MalformedQueryError(str(error)) from None
    if len(trees) != 1 or trees[0] is None:
        raise MalformedQueryError(f"Only one sql statement is allowed. Got: {text}")
    return trees[0]


def _substitute(text: str, parameters: list[str]) -> str:
    """The text with its question marks, but for those in strings and comments, replaced."""
    from sqlglot import tokenize
    from sqlglot.errors import SqlglotError
    from sqlglot.tokenizer_core import TokenType

    try:
        places = [token.start for token in tokenize(text, read="trino") if token.token_type is TokenType.PLACEHOLDER]
        # One literal as it is, for `DATE ?` and `LIMIT ?`; anything longer as one expression.
        values = [value if len(tokenize(value, read="trino")) == 1 else f"({value})" for value in parameters]
    except SqlglotError as error:
        raise MalformedQueryError(str(error)) from None
    if len(places) != len(values):
        raise MalformedQueryError(f"Incorrect number of parameters: expected {len(places)} but found {len(values)}")
    for place, value in reversed(list(zip(places, values, strict=True))):
        text = f"{text[:place]}{value}{text[place + 1 :]}"
    return text


def bind(statement: Statement, database: str) -> Query:
    """The query for DuckDB; QueryError where it is none that may run."""
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    tree = statement.tree
    if isinstance(tree, exp.Values):
        width = len(tree.expressions[0].expressions) if isinstance(tree.expressions[0], exp.Tuple) else 1
        tree.set("alias", exp.TableAlias(this="v", columns=[exp.to_identifier(f"_col{n}") for n in range(width)]))
        tree = exp.select("*").from_(tree)
    if not isinstance(tree, exp.Query):
        raise refusal(statement.word)
    views: dict[TableName, str] = {}
    seen: set[int] = set()
    try:
        for scope in traverse_scope(tree):
            for node, source in scope.selected_sources.values():
                seen.add(id(node))
                if isinstance(source, exp.Table):
                    _bind_table(source, database, views)
        for table in tree.find_all(exp.Table):
            if id(table) not in seen or not isinstance(table.this, exp.Identifier):
                raise _no_table(table)
        for column in tree.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)
        _name_columns(tree)
        sql = _rewritten(tree).sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryError(f"SYNTAX_ERROR: {error}") from None
    return Query(sql, {view: name for name, view in views.items()})


def refusal(what: str) -> QueryError:
    """The failure of a statement that is understood and not carried out."""
    return QueryError(
        f"NOT_SUPPORTED: {what} is not carried out by Sageyard's Athena; it knows SELECT, CREATE EXTERNAL TABLE, "
        "CREATE DATABASE, DROP, DESCRIBE, SHOW, MSCK REPAIR TABLE and ALTER TABLE ADD PARTITION"
    )


def _no_table(table: Any) -> QueryError:
    name = table.this.sql("trino")
    return QueryError(
        f"FUNCTION_NOT_FOUND: {name} is no table of Glue: Athena's SQL reads tables, VALUES and UNNEST, "
        "never files or the network"
    )


def _bind_table(table: Any, database: str, views: dict[TableName, str]) -> None:
    """Let the node name the view of its Glue table, under the alias that the rest of the query uses."""
    from sqlglot import exp

    if not isinstance(table.this, exp.Identifier):
        raise _no_table(table)
    if table.catalog and table.catalog.lower() != CATALOG:
        raise QueryError(f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist; Sageyard has AwsDataCatalog")
    if table.db.lower() == "information_schema":
        raise QueryError("NOT_SUPPORTED: information_schema is not kept by Sageyard's Athena: use SHOW, or Glue's API")
    name = TableName(table.db or database, table.name)
    view = views.setdefault(name, f"t{len(views)}")
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("this", exp.to_identifier(view))
    table.set("db", exp.to_identifier(SCHEMA))
    table.set("catalog", None)


def _name_columns(tree: Any) -> None:
    """Columns without a name of their own are `_col0`, `_col1`, …, by their place."""
    from sqlglot import exp

    selected = tree.selects
    for number, node in enumerate(selected):
        if not isinstance(node, (exp.Alias, exp.Column, exp.Dot)) and not node.is_star:
            node.replace(exp.alias_(node.copy(), f"_col{number}"))


def _rewritten(tree: Any) -> Any:
    """Functions whose times are written in Joda's or Teradata's letters, with strptime's."""
    from sqlglot import exp

    def rewrite(node: Any) -> Any:
        if isinstance(node, exp.ParseDatetime) and _is_text(node.args.get("format")):
            parsed = exp.func("strptime", node.this, _format(node.args["format"], JODA))
            return exp.cast(parsed, "timestamptz")
        if isinstance(node, exp.Anonymous) and len(node.expressions) == 2 and _is_text(node.expressions[1]):
            value, pattern = node.expressions
            match node.name.lower():
                case "format_datetime":
                    return exp.Anonymous(this="strftime", expressions=[value, _format(pattern, JODA)])
                case "to_timestamp":
                    return exp.Anonymous(this="strptime", expressions=[value, _format(pattern, TERADATA)])
                case "to_char":
                    return exp.Anonymous(this="strftime", expressions=[value, _format(pattern, TERADATA)])
        return node

    return tree.transform(rewrite)


def _is_text(node: Any) -> bool:
    return node is not None and getattr(node, "is_string", False)


def _format(pattern: Any, letters: dict[str, str]) -> Any:
    from sqlglot import exp

    groups = "|".join(sorted(letters, key=len, reverse=True))
    written = re.sub(f"'([^']*)'|{groups}", lambda match: match[1] or letters.get(match[0], "'"), pattern.name)
    return exp.Literal.string(written)

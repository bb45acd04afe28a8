"""Athena: SQL of Trino over Glue's tables in S3, its result files, its history, and what it must never reach."""

import json
import time

import duckdb
import pytest
from botocore.exceptions import ClientError

OUTPUT = "s3://bucket/results/"
UNFINISHED = {"QUEUED", "RUNNING"}


class Athena:
    """A client with a bucket and a database."""

    def __init__(self, server) -> None:
        self.client, self.s3, self.glue = (server.client(name) for name in ("athena", "s3", "glue"))
        self.s3.create_bucket(Bucket="bucket")
        self.glue.create_database(DatabaseInput={"Name": "shop"})

    def empty(self) -> None:
        """Without tables and objects, but for the history."""
        for table in self.glue.get_tables(DatabaseName="shop")["TableList"]:
            self.glue.delete_table(DatabaseName="shop", Name=table["Name"])
        for found in self.s3.list_objects_v2(Bucket="bucket").get("Contents", []):
            self.s3.delete_object(Bucket="bucket", Key=found["Key"])

    def history(self, **parameters) -> list[str]:
        """Ids of queries, newest first."""
        pages = self.client.get_paginator("list_query_executions").paginate(**parameters)
        return [query for page in pages for query in page["QueryExecutionIds"]]

    def start(self, sql: str, **parameters) -> str:
        request = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": "shop"},
            "ResultConfiguration": {"OutputLocation": OUTPUT},
        }
        return self.client.start_query_execution(**(request | parameters))["QueryExecutionId"]

    def ended(self, query: str) -> dict:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            execution = self.client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if execution["Status"]["State"] not in UNFINISHED:
                return execution
        raise AssertionError(f"query {query} did not end within 30 s")

    def run(self, sql: str, **parameters) -> dict:
        execution = self.ended(self.start(sql, **parameters))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return execution

    def rows(self, sql: str, **parameters) -> list[list[str | None]]:
        """All rows behind the header."""
        pages = self.client.get_paginator("get_query_results").paginate(
            QueryExecutionId=self.run(sql, **parameters)["QueryExecutionId"]
        )
        found = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [[value.get("VarCharValue") for value in row] for row in found[1:]]

    def failure(self, sql: str, **parameters) -> str:
        status = self.ended(self.start(sql, **parameters))["Status"]
        assert status["State"] == "FAILED"
        assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
        return status["StateChangeReason"]

    def body(self, location: str) -> bytes:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put_parquet(self, key: str, sql: str, folder) -> None:
        file = folder / "made.parquet"
        duckdb.sql(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
        self.s3.upload_file(str(file), "bucket", key)

    def sales(self, folder) -> None:
        """A partitioned table of 2 x 50,000 rows, as Feature Store lays one out."""
        for day in ("01", "02"):
            sql = (
                f"SELECT range AS id, repeat('x', 50) || range AS note, {int(day)}.5::DOUBLE AS price FROM range(50000)"
            )
            self.put_parquet(f"sales/year=2026/day={day}/part.parquet", sql, folder)
        self.run(
            "CREATE EXTERNAL TABLE sales (id bigint, note string, price double)"
            " PARTITIONED BY (year string, day string) STORED AS PARQUET LOCATION 's3://bucket/sales/'"
        )
        self.run("MSCK REPAIR TABLE sales")


@pytest.fixture(scope="module")
def shared(aws_process) -> Athena:
    aws_process.reset()
    return Athena(aws_process)


@pytest.fixture
def athena(shared) -> Athena:
    shared.empty()
    return shared


def refused(call, **parameters) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == "InvalidRequestException"
    return error.value.response["Error"]["Message"]


def test_a_result_is_csv_with_every_value_quoted_and_null_as_nothing(athena):
    text, nothing = "'say \"hi\",\nplease' AS s", "CAST(NULL AS varchar) AS nothing"
    execution = athena.run(f"SELECT 1 AS n, {text}, {nothing}, '' AS empty, true AS b, 0.5e0 AS d")
    query = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"{OUTPUT}{query}.csv"
    assert athena.body(f"{OUTPUT}{query}.csv") == (
        b'"n","s","nothing","empty","b","d"\n"1","say ""hi"",\nplease",,"","true","0.5"\n'
    )
    answer = athena.client.get_query_results(QueryExecutionId=query)
    header, row = answer["ResultSet"]["Rows"]
    assert [value["VarCharValue"] for value in header["Data"]] == ["n", "s", "nothing", "empty", "b", "d"]
    assert row["Data"] == [
        {"VarCharValue": "1"},
        {"VarCharValue": 'say "hi",\nplease'},
        {},
        {"VarCharValue": ""},
        {"VarCharValue": "true"},
        {"VarCharValue": "0.5"},
    ]
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Type"] for column in columns] == ["integer", "varchar", "varchar", "varchar", "boolean", "double"]
    assert execution["StatementType"] == "DML"
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]


def test_the_metadata_file_is_the_protocol_buffer_of_athena(athena):
    query = athena.run("SELECT ARRAY[1] AS ary")["QueryExecutionId"]
    body = athena.body(f"{OUTPUT}{query}.csv.metadata")
    # As a file of Athena was published byte for byte: catalog 1, name 4, label 5, type 6, nullable 9 = UNKNOWN.
    assert body.endswith(bytes.fromhex("22190a0468697665 2203617279 2a03617279 32056172726179 4803".replace(" ", "")))
    assert body[:1] == b"\x0a"


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("from_iso8601_timestamp('2026-11-21T08:15:30Z')", "2026-11-21 08:15:30.000 UTC"),
        ("from_iso8601_timestamp('2026-11-21T08:15:30.250Z') > from_unixtime(1.5)", "true"),
        ("date_parse('2026-11-21 08:15:30', '%Y-%m-%d %H:%i:%s')", "2026-11-21 08:15:30.000"),
        ("to_timestamp('2026-11-21 08:15:30', 'yyyy-mm-dd hh24:mi:ss')", "2026-11-21 08:15:30.000"),
        ("format_datetime(timestamp '2026-11-21 08:15:30', 'yyyy/MM/dd HH:mm')", "2026/11/21 08:15"),
        ("parse_datetime('21.11.2026', 'dd.MM.yyyy')", "2026-11-21 00:00:00.000 UTC"),
        ("date_format(from_unixtime(0), '%Y-%m-%d')", "1970-01-01"),
        ("date_diff('day', date '2026-11-01', date '2026-11-21')", "20"),
        ("to_iso8601(from_unixtime(0))", "1970-01-01T00:00:00.000Z"),
        ("to_unixtime(from_unixtime(1700000000.5))", "1.7000000005E9"),
        ("cast(42 as varchar)", "42"),
        ("try_cast('x' as bigint)", None),
        ("7 / 2", "3"),
        ("1e10", "1.0E10"),
        ("-1.5e-7", "-1.5E-7"),
        ("cast(0.00012 as double)", "1.2E-4"),
        ("123456789.125e0", "1.23456789125E8"),
        ("cast(9999999 as double)", "9999999.0"),
        ("1.50", "1.50"),
        ("ARRAY['a', NULL, 'b']", "[a, null, b]"),
        ("MAP(ARRAY['k'], ARRAY[ARRAY[1.5e0]])", "{k=[1.5]}"),
        ("CAST(ROW(1, 'x') AS ROW(a bigint, b varchar))", "{a=1, b=x}"),
        ("to_utf8('hi')", "68 69"),
        ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a.b\')', "c"),
        ("element_at(split('a,b', ','), 2)", "b"),
        ("cardinality(filter(sequence(1, 5), x -> x > 2))", "3"),
        ("regexp_like('feature', '^feat')", "true"),
        ("current_date = date(now())", "true"),
    ],
)
def test_trino_says_what_it_means(athena, expression, shown):
    assert athena.rows(f"SELECT {expression}") == [[shown]]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT approx_distinct(x), max_by(y, x), arbitrary(1) FROM (VALUES (1, 'a'), (2, 'b')) t(x, y)",
            [["2", "b", "1"]],
        ),
        (
            "SELECT x, i FROM (SELECT ARRAY['a', 'b'] l) CROSS JOIN UNNEST(l) WITH ORDINALITY AS u(x, i) ORDER BY i",
            [["a", "1"], ["b", "2"]],
        ),
        ("SELECT x FROM (VALUES 1, 2, 3) t(x) ORDER BY x DESC OFFSET 1 LIMIT 1", [["2"]]),
        ("SELECT map_agg(x, y) FROM (VALUES (1, 'a')) t(x, y)", [["{1=a}"]]),
        ("WITH a AS (SELECT 1 x UNION ALL SELECT NULL) SELECT x FROM a ORDER BY x", [["1"], [None]]),
        ("VALUES (1, 'a'), (2, NULL)", [["1", "a"], ["2", None]]),
    ],
)
def test_trino_s_queries_run(athena, sql, rows):
    assert athena.rows(sql) == rows


def test_columns_without_a_name_get_one_by_their_place(athena):
    query = athena.run("SELECT count(*), 1 AS one, max(x) FROM (VALUES 1) t(x)")["QueryExecutionId"]
    assert athena.body(f"{OUTPUT}{query}.csv").splitlines()[0] == b'"_col0","one","_col2"'


def test_tables_are_named_with_database_and_catalog_or_by_the_context(athena, tmp_path):
    athena.sales(tmp_path)
    for name in (
        "sales",
        '"shop"."sales"',
        'SHOP."SALES"',
        '"awsdatacatalog"."shop"."sales"',
        "AwsDataCatalog.shop.sales",
    ):
        assert athena.rows(f"SELECT count(*) FROM {name}") == [["100000"]]
    assert athena.rows('SELECT count(*) FROM "shop"."sales" s WHERE s.day = \'02\' AND s.id = 1') == [["1"]]
    joined = (
        'SELECT sum(a.price), sum("shop"."sales"."price") FROM shop.sales, sales a WHERE a.id = sales.id AND a.id = 7'
    )
    assert athena.rows(joined) == [["8.0", "8.0"]]
    context = {"QueryExecutionContext": {"Database": "elsewhere"}}
    assert athena.failure("SELECT * FROM sales", **context) == "SCHEMA_NOT_FOUND: Schema 'elsewhere' does not exist"
    assert "TABLE_NOT_FOUND: Table 'awsdatacatalog.shop.purchases'" in athena.failure("SELECT * FROM purchases")
    assert athena.failure("SELECT nope FROM sales") == "COLUMN_NOT_FOUND: Column 'nope' cannot be resolved"
    assert "CATALOG_NOT_FOUND" in athena.failure("SELECT * FROM lambda.shop.sales")


def test_the_bytes_scanned_are_those_of_the_columns_and_partitions_read(athena, tmp_path):
    athena.sales(tmp_path)

    def scanned(sql: str) -> int:
        return athena.run(sql)["Statistics"]["DataScannedInBytes"]

    whole = scanned("SELECT max(note), max(id), max(price) FROM sales")
    assert 0 < scanned("SELECT max(id) FROM sales") < whole / 2
    assert scanned("SELECT max(note), max(id), max(price) FROM sales WHERE day = '01'") < whole * 0.6
    assert scanned("SELECT 1") == 0


def test_only_registered_partitions_are_read(athena, tmp_path):
    athena.sales(tmp_path)
    athena.put_parquet(
        "sales/year=2026/day=03/part.parquet", "SELECT 1::BIGINT AS id, 'n' AS note, 1.0::DOUBLE AS price", tmp_path
    )
    athena.put_parquet("apart/part.parquet", "SELECT 2::BIGINT AS id", tmp_path)
    assert athena.rows("SELECT count(*) FROM sales") == [["100000"]]
    athena.run(
        "ALTER TABLE sales ADD IF NOT EXISTS PARTITION (year='2026', day='03')"
        " PARTITION (year='1999', day='9') LOCATION 's3://bucket/apart/'"
    )
    assert athena.rows("SELECT id, note, year, day FROM sales WHERE year = '1999' OR day = '03' ORDER BY 1") == [
        ["1", "n", "2026", "03"],
        ["2", None, "1999", "9"],
    ]
    printed = athena.run("SHOW PARTITIONS sales")
    assert printed["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert athena.body(printed["ResultConfiguration"]["OutputLocation"]).splitlines()[-1] == b"year=2026/day=03"
    assert "AlreadyExistsException" in athena.failure("ALTER TABLE sales ADD PARTITION (year='2026', day='03')")


def test_csv_text_and_json_are_read_by_their_serde(athena):
    put = athena.s3.put_object
    put(Bucket="bucket", Key="csv/a.csv", Body=b"`a,1`,2,0.5,2026-01-01 00:00:00\nb,,,\n")
    put(Bucket="bucket", Key="text/a", Body=b"id;name\n1;one\n2;\\N\nx;three\n")
    put(Bucket="bucket", Key="json/a", Body=b'{"Id": 1, "tags": ["a", "b"], "in": {"n": 2}}\n{"Id": 2}\n')
    put(Bucket="bucket", Key="csv/_SUCCESS", Body=b"hidden")
    # As the SDK's dataset builder writes it for a data frame.
    athena.run(
        "CREATE EXTERNAL TABLE frame (s STRING, n INT, d DOUBLE, t TIMESTAMP) ROW FORMAT SERDE "
        "'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES "
        '("separatorChar" = ",", "quoteChar" = "`", "escapeChar" = "\\\\") LOCATION \'s3://bucket/csv\';'
    )
    assert athena.rows("SELECT * FROM frame ORDER BY s") == [
        ["a,1", "2", "0.5", "2026-01-01 00:00:00.000"],
        ["b", None, None, None],
    ]
    athena.run(
        "CREATE EXTERNAL TABLE text (id int, name string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ';'"
        " STORED AS TEXTFILE LOCATION 's3://bucket/text/' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert athena.rows("SELECT * FROM text") == [["1", "one"], ["2", None], [None, "three"]]
    athena.run(
        "CREATE EXTERNAL TABLE js (id int, tags array<string>, `in` struct<n:int>)"
        " ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://bucket/json/'"
    )
    assert athena.rows('SELECT id, tags, "in", js."in".n FROM js ORDER BY id') == [
        ["1", "[a, b]", "{n=2}", "2"],
        ["2", None, None, None],
    ]
    athena.run(
        "CREATE EXTERNAL TABLE orc (id int) ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.orc.OrcSerde' LOCATION 's3://bucket/json/'"
    )
    assert "OrcSerde" in athena.failure("SELECT * FROM orc")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        'SELECT * FROM "read_csv"',
        "SELECT (SELECT max(content) FROM read_text('/etc/passwd'))",
        "WITH t AS (SELECT * FROM read_blob('/etc/passwd')) SELECT * FROM t",
        "SELECT * FROM (VALUES 1) v, LATERAL (SELECT * FROM parquet_scan('/etc/passwd'))",
        "SELECT * FROM query('SELECT * FROM read_csv(''/etc/passwd'')')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM main.duckdb_settings",
        "SELECT * FROM information_schema.tables",
        "SELECT read_text('/etc/passwd')",
        "SELECT getenv('HOME')",
        "INSERT INTO t SELECT 1",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "UNLOAD (SELECT 1) TO 's3://bucket/x' WITH (format = 'PARQUET')",
        "EXPLAIN SELECT 1",
        "SET enable_external_access = true",
    ],
)
def test_sql_reaches_no_file_no_setting_and_no_other_statement(athena, sql):
    reason = athena.failure(sql)
    assert reason.split(":")[0] in {
        "FUNCTION_NOT_FOUND",
        "TABLE_NOT_FOUND",
        "SCHEMA_NOT_FOUND",
        "NOT_SUPPORTED",
        "SYNTAX_ERROR",
    }
    assert "root:" not in reason


def test_the_engine_itself_is_locked_behind_the_grammar(athena, tmp_path):
    from sageyard.aws.athena.dialect import Query
    from sageyard.aws.athena.engine import Cancellation, Engine
    from sageyard.aws.athena.errors import QueryError

    for sql in ("SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/etc/*')"):
        with pytest.raises(QueryError, match="file system operations are disabled"):
            Engine(tmp_path / "athena", None).run("q", Query(sql), None, tmp_path / "out.csv", Cancellation())
    assert not (tmp_path / "out.csv").exists()
    assert list((tmp_path / "athena").iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", "mismatched input 'SELEC'"),
        ("SELECT 1; SELECT 2", "Only one sql statement"),
        ("SELECT (1", "line 1"),
    ],
)
def test_what_is_no_statement_is_refused_at_once(athena, sql, told):
    before = athena.history()
    assert told in refused(athena.start, sql=sql)
    assert athena.history() == before


def test_parameters_take_the_places_of_question_marks(athena):
    sql = "SELECT x, '?' AS mark FROM (VALUES (1, 'a'), (2, 'b')) t(x, y) WHERE y = ? AND x > ? -- ?"
    assert athena.rows(sql, ExecutionParameters=["'b'", "1"]) == [["2", "?"]]
    assert athena.rows("SELECT ?", ExecutionParameters=["'it''s'"]) == [["it's"]]
    dated = "SELECT DATE ? - INTERVAL '1' DAY < DATE ?, -? FROM (VALUES 1, 2) t LIMIT ?"
    assert athena.rows(dated, ExecutionParameters=["'2026-01-01'", "'2026-01-01'", "2", "1"]) == [["true", "-2"]]
    assert athena.rows("SELECT 2 * ?", ExecutionParameters=["1 + 2"]) == [["6"]]
    assert refused(athena.start, sql="SELECT ?") == "Incorrect number of parameters: expected 1 but found 0"


def test_where_results_go_is_said_by_the_query_or_its_work_group(athena):
    before, start = athena.history(), athena.client.start_query_execution
    assert "No output location provided" in refused(start, QueryString="SELECT 1")
    assert "Unable to verify/create output bucket" in refused(
        start, QueryString="SELECT 1", ResultConfiguration={"OutputLocation": "s3://no-such-bucket/x"}
    )
    assert refused(start, QueryString="SELECT 1", WorkGroup="none") == "WorkGroup none is not found."
    configuration = {
        "ResultConfiguration": {"OutputLocation": "s3://bucket/team"},
        "EnforceWorkGroupConfiguration": True,
    }
    athena.client.create_work_group(Name="team", Configuration=configuration)
    execution = athena.run("SELECT 1", WorkGroup="team")
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://bucket/team/")
    assert execution["WorkGroup"] == "team"
    assert athena.history(WorkGroup="team") == [execution["QueryExecutionId"]]
    assert athena.history() == before


def test_a_token_starts_one_query(athena):
    token = "t" * 32
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    assert refused(athena.start, sql="SELECT 2", ClientRequestToken=token) == "Idempotent parameters do not match"
    assert athena.history().count(first) == 1


def test_queries_are_listed_newest_first_and_described_together(athena):
    queries = [athena.run(f"SELECT {number}")["QueryExecutionId"] for number in range(5)]
    assert athena.history(PaginationConfig={"PageSize": 2})[:5] == queries[::-1]
    answer = athena.client.batch_get_query_execution(QueryExecutionIds=[queries[0], "none"])
    assert [execution["Query"] for execution in answer["QueryExecutions"]] == ["SELECT 0"]
    assert answer["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "none"
    assert refused(athena.client.get_query_execution, QueryExecutionId="none") == "QueryExecution none was not found"


def test_a_long_result_comes_in_pages(athena):
    value = "CASE x % 3 WHEN 0 THEN NULL WHEN 1 THEN 'two\nlines' ELSE '' END"
    rows = athena.rows(f"SELECT x, {value} FROM UNNEST(sequence(1, 2500)) AS t(x) ORDER BY x")
    assert [int(row[0]) for row in rows] == list(range(1, 2501))
    assert [row[1] for row in rows[:3]] == ["two\nlines", "", None]


ENDLESS = "SELECT sum(a.x * b.x * c.x) FROM n a CROSS JOIN n b CROSS JOIN n c"


def numbers(athena, folder) -> None:
    athena.put_parquet("n/part", "SELECT range AS x FROM range(100000)", folder)
    athena.run("CREATE EXTERNAL TABLE n (x bigint) STORED AS PARQUET LOCATION 's3://bucket/n/'")


def until_running(athena, query: str) -> None:
    deadline = time.monotonic() + 20
    while athena.client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]["State"] != "RUNNING":
        assert time.monotonic() < deadline


def test_a_running_query_is_stopped(athena, tmp_path):
    numbers(athena, tmp_path)
    query = athena.start(ENDLESS)
    until_running(athena, query)
    assert "has not yet finished" in refused(athena.client.get_query_results, QueryExecutionId=query)
    athena.client.stop_query_execution(QueryExecutionId=query)
    assert athena.ended(query)["Status"]["State"] == "CANCELLED"
    assert "did not finish successfully" in refused(athena.client.get_query_results, QueryExecutionId=query)
    assert athena.rows("SELECT 1") == [["1"]]
    done = athena.run("SELECT 1")["QueryExecutionId"]
    athena.client.stop_query_execution(QueryExecutionId=done)
    assert athena.ended(done)["Status"]["State"] == "SUCCEEDED"


def test_a_server_with_a_running_query_ends_in_time(own_aws, tmp_path):
    athena = Athena(own_aws)
    numbers(athena, tmp_path)
    queries = [athena.start(ENDLESS) for _ in range(3)]  # the third waits: there are two threads
    until_running(athena, queries[1])
    begun = time.monotonic()
    own_aws.stop()
    assert time.monotonic() - begun < 10
    own_aws.start()
    assert {athena.ended(query)["Status"]["State"] for query in queries} == {"FAILED"}


def test_history_and_results_survive_kill_nine(own_aws, tmp_path):
    athena = Athena(own_aws)
    numbers(athena, tmp_path)
    done = athena.run("SELECT max(x) AS most FROM n")
    running = athena.start(ENDLESS)
    until_running(athena, running)
    own_aws.restart()
    status = athena.ended(running)["Status"]
    assert status["State"] == "FAILED"
    assert status["AthenaError"]["Retryable"] is True
    assert "start it again" in status["StateChangeReason"]
    after = athena.client.get_query_execution(QueryExecutionId=done["QueryExecutionId"])["QueryExecution"]
    assert after == done
    rows = athena.client.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["most", "99999"]
    assert list((own_aws.state_dir / "athena").glob("*")) == []
    assert athena.rows("SELECT count(*) FROM n") == [["100000"]]


def test_objects_deleted_while_they_are_read_do_not_disturb_the_query(athena, tmp_path):
    numbers(athena, tmp_path)
    query = athena.start("SELECT count(*) FROM n a JOIN n b ON a.x = b.x")
    athena.s3.delete_object(Bucket="bucket", Key="n/part")
    status = athena.ended(query)["Status"]
    assert status["State"] == "SUCCEEDED"
    rows = athena.client.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    assert rows[1]["Data"][0]["VarCharValue"] in {"100000", "0"}
    assert athena.rows("SELECT count(*) FROM n") == [["0"]]


def test_definitions_are_glue_s(athena):
    athena.run("CREATE DATABASE IF NOT EXISTS other")
    athena.run("CREATE DATABASE IF NOT EXISTS other")
    athena.run(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `other`.`Orders` (`Id` BIGINT, tags ARRAY<STRING>, price DECIMAL(10,2))"
        " PARTITIONED BY (`day` STRING) STORED AS PARQUET LOCATION 's3://bucket/orders/' TBLPROPERTIES ('a'='b')"
    )
    table = athena.glue.get_table(DatabaseName="other", Name="orders")["Table"]
    columns = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
    assert columns == [("id", "bigint"), ("tags", "array<string>"), ("price", "decimal(10,2)")]
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string"}]
    assert table["Parameters"]["a"] == "b"
    assert athena.rows("SELECT * FROM other.orders") == []
    for sql, printed in (("SHOW TABLES IN other", b"orders\n"), ("SHOW DATABASES 'o*'", b"other\n")):
        assert athena.body(athena.run(sql)["ResultConfiguration"]["OutputLocation"]) == printed
    described = athena.body(athena.run("DESCRIBE other.orders")["ResultConfiguration"]["OutputLocation"])
    assert described.splitlines()[0].split() == [b"id", b"bigint"]
    assert "not empty" in athena.failure("DROP DATABASE other")
    assert "AlreadyExistsException" in athena.failure(
        "CREATE EXTERNAL TABLE other.orders (x int) LOCATION 's3://bucket/x'"
    )
    athena.run("DROP TABLE other.orders")
    athena.run("DROP TABLE IF EXISTS other.orders")
    assert "EntityNotFoundException" in athena.failure("DROP TABLE other.orders")
    athena.run("DROP DATABASE other")
    assert json.dumps(athena.glue.get_databases()["DatabaseList"], default=str).count('"Name"') == 1


def test_other_operations_of_athena_are_still_answered(athena):
    athena.client.create_named_query(Name="n", Database="shop", QueryString="SELECT 1")
    assert len(athena.client.list_named_queries()["NamedQueryIds"]) == 1

"""Athena: SQL over Glue tables in S3, answered by DuckDB.

A statement goes `operations` (wire) -> `queries` (its life: queued, running, ended; durable) -> `dialect` (parsed as
Trino's or Hive's SQL by sqlglot, checked, rewritten for DuckDB) -> `engine` (run over the tables' files) or
`definitions` (DDL, carried out on Glue) -> `results` (the files in S3).
"""

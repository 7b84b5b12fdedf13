"""The peers: DuckDB, embedded ClickHouse (chdb) and polars converting a folder of archives to Parquet.

What enters: a folder. What leaves: Parquet files and the number of rows. Each keeps the 15 usual members, the free-form
members as text (polars cannot), the identity and its session context; none hashes, sorts, or looks for duplicates. This
module must never import a peer before it is asked for.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

PROCESSES = 2
MEMBERS = (
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestID",
    "eventID",
    "eventType",
    "recipientAccountId",
    "eventCategory",
    "sharedEventID",
)
FREE_FORM = ("requestParameters", "responseElements", "additionalEventData", "resources", "tlsDetails")
FLAGS = ("readOnly", "managementEvent")
IDENTITY = ("type", "principalId", "arn", "accountId", "accessKeyId", "userName", "invokedBy")

CHDB_SETTINGS = {
    "output_format_parquet_compression_method": "'zstd'",
    # Nothing that the other contenders do not write either: these cost a tenth.
    "output_format_parquet_write_bloom_filter": 0,
    "output_format_parquet_write_page_index": 0,
    "output_format_parquet_write_checksums": 0,
}
CHDB_ROW_SETTINGS = {
    "input_format_json_read_objects_as_strings": 1,
    "input_format_json_read_arrays_as_strings": 1,
    "input_format_skip_unknown_fields": 1,
    "input_format_parallel_parsing": 0,
}


def run_duckdb(source: str, out: Path) -> int:
    """The obvious way: read_json of the archives, unnest, COPY; columns given, so that nothing is sniffed."""
    import duckdb

    identity = ", ".join(f"{name} VARCHAR" for name in IDENTITY)
    members = ", ".join(f"{name} VARCHAR" for name in MEMBERS)
    free = ", ".join(f"{name} JSON" for name in FREE_FORM)
    flags = ", ".join(f"{name} BOOLEAN" for name in FLAGS)
    record = f"STRUCT({members}, {free}, {flags}, userIdentity STRUCT({identity}, sessionContext JSON))[]"
    with duckdb.connect(config={"threads": PROCESSES}) as connection:
        connection.execute(
            f"copy (select unnest(r, recursive := true) from (select unnest(Records) as r from read_json("
            f"'{source}/**/*.json.gz', columns = {{Records: '{record}'}}, maximum_object_size = 134217728)))"
            f" to '{out}/duckdb.parquet' (format parquet, compression zstd)"
        )
        return int(connection.sql(f"select count(*) from '{out}/duckdb.parquet'").fetchall()[0][0])


def run_chdb(source: str, out: Path, *, form: str) -> int:
    """Embedded ClickHouse.

    Args:
        source: the folder.
        out: where the Parquet file goes.
        form: ``rows`` reads typed rows (JSONEachRow), ``tuple`` cuts records out and extracts all members of each at
            once, ``array`` extracts the whole array of records at once; ``processes`` is ``array`` in as many processes
            as ours has workers, one thread each.
    """
    if form == "processes":
        return _run_chdb_processes(Path(source), out)
    return _convert_with_chdb(Path(source), out / f"chdb-{form}.parquet", form, PROCESSES)


def _run_chdb_processes(source: Path, out: Path) -> int:
    """Each process takes every other archive, the largest first: links in a folder of its own."""
    paths = sorted(source.rglob("*.json.gz"), key=lambda path: -path.stat().st_size)
    for number, path in enumerate(paths):
        link = out / f"chdb-{number % PROCESSES}" / f"{number}.json.gz"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(path.absolute())
    # Not preloaded in a fork server: two forks of a loaded chdb take the same temporary folder.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        parts = [
            pool.submit(_convert_with_chdb, out / f"chdb-{part}", out / f"chdb-{part}.parquet", "array", 1)
            for part in range(PROCESSES)
        ]
        return sum(part.result() for part in parts)


def _convert_with_chdb(source: Path, target: Path, form: str, threads: int) -> int:
    import chdb
    import pyarrow.parquet as pq

    settings = CHDB_SETTINGS | {"max_threads": threads} | (CHDB_ROW_SETTINGS if form == "rows" else {})
    asked = ", ".join(f"{name} = {value}" for name, value in settings.items())
    chdb.query(
        f"select {_chdb_columns()} from ({_chdb_records(source.absolute(), form)})"
        f" into outfile '{target.absolute()}' format Parquet settings {asked}"
    )
    return int(pq.read_metadata(target).num_rows)


def _chdb_columns() -> str:
    columns = [f"t.{name} as {name}" for name in (*MEMBERS, *FREE_FORM, *FLAGS)]
    columns += [f"t.userIdentity.{name} as u_{name}" for name in (*IDENTITY, "sessionContext")]
    return ", ".join(columns)


def _chdb_records(folder: Path, form: str) -> str:
    identity = ", ".join(f"{name} String" for name in (*IDENTITY, "sessionContext"))
    members = [f"{name} String" for name in (*MEMBERS, *FREE_FORM)] + [f"{name} Bool" for name in FLAGS]
    shape = f"Tuple({', '.join(members)}, userIdentity Tuple({identity}))"
    files = f"'{folder}/**/*.json.gz'"
    if form == "rows":
        return f"select arrayJoin(Records) as t from file({files}, 'JSONEachRow', 'Records Array({shape})')"
    lines = f"file({files}, 'LineAsString', 'line String')"
    if form == "array":
        return f"select arrayJoin(JSONExtract(line, 'Records', 'Array({shape})')) as t from {lines}"
    records = f"select arrayJoin(JSONExtractArrayRaw(line, 'Records')) as r from {lines}"
    return f"select JSONExtract(r, '{shape}') as t from ({records})"


def run_polars(source: str, out: Path) -> int:
    """polars.read_json an archive at a time, Parquet a file an archive.

    The schema is given and leaves the free-form members out: polars cannot keep as text what is an object here and a
    list there, and inferring a schema fails on the first archive where a member has two types.
    """
    import deflate
    import polars as pl

    identity = pl.Struct(dict.fromkeys(IDENTITY, pl.String))
    members = dict.fromkeys(MEMBERS, pl.String) | dict.fromkeys(FLAGS, pl.Boolean) | {"userIdentity": identity}
    rows = 0
    for number, path in enumerate(sorted(Path(source).rglob("*.json.gz"))):
        stored = path.read_bytes()
        data = BytesIO(deflate.gzip_decompress(stored, int.from_bytes(stored[-4:], "little")))
        frame = pl.read_json(data, schema={"Records": pl.List(pl.Struct(members))}).explode("Records").unnest("Records")
        frame.write_parquet(out / f"polars-{number}.parquet", compression="zstd")
        rows += frame.height
    return rows

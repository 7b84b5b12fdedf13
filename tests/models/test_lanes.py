from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa

from pipeline.models.engine import EngineLimits, ParquetFiles, keep_table, open_engine
from pipeline.models.lanes import Lanes


def test_every_thread_reads_what_another_registered() -> None:
    """Arrow rows, an empty table and a made table alike, before and after the thread has its cursor."""
    with open_engine(":memory:", EngineLimits(threads=1), scratch=None) as connection:
        lanes = Lanes(connection)
        lanes.register("early", pa.table({"id": [1]}))
        with ThreadPoolExecutor(1) as pool:

            def read(name: str) -> list[tuple[int]]:
                return lanes.here.execute(f"select id from {name}").fetchall()

            assert pool.submit(read, "early").result() == [(1,)]
            lanes.register("none", ParquetFiles((), pa.schema([pa.field("id", pa.int64())])))
            keep_table(lanes.here, "made", pa.table({"id": [3]}))
            assert pool.submit(read, "none").result() == []
            assert pool.submit(read, "made").result() == [(3,)]
            pool.submit(lanes.register, "late", pa.table({"id": [4]})).result()
        assert lanes.here is connection
        assert connection.execute("select id from late").fetchall() == [(4,)]


def test_a_lane_has_the_builds_time_zone() -> None:
    """Whatever the machine's zone: DuckDB keeps it for each connection by itself."""
    with open_engine(":memory:", EngineLimits(threads=1), scratch=None) as connection, ThreadPoolExecutor(1) as pool:
        lanes = Lanes(connection)
        cursor: duckdb.DuckDBPyConnection = pool.submit(lambda: lanes.here).result()
        assert cursor is not connection
        assert cursor.execute("select current_setting('timezone')").fetchall() == [("UTC",)]

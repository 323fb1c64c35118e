"""Where time series lie: an SQLite file of its own, or by setting an InfluxDB.

InfluxDB is written through influxdb-client to /api/v2/write, which 1.8, 2.x, 3 and VictoriaMetrics
take, and read by InfluxQL at /query, which 1.x, 2.x and 3 answer. What is said of hours is worked
out by `fold`, alike in both, so that no server needs a task or a continuous query.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from backend.settings import Settings
from backend.telemetry import (
    FIELDS,
    HOUR,
    HOUR_S,
    RAW,
    SCHEMA,
    Sample,
    Series,
    StoreFault,
    line_of,
)

TIMEOUT_S = 3.0
RECENT_S = 30 * 86_400  # what `newest` looks back to in a server that holds years
BUSY_S = 0.5
LATEST_S = (2**63 - 1) // 10**9  # InfluxDB counts nanoseconds in 64 bits: the year 2262


class Embedded:
    """One row a sample in an SQLite file; losing the newest second at a power cut is allowed.

    `reads_only` looks into the file beside a backend that serves.
    """

    def __init__(self, path: Path, *, reads_only: bool = False) -> None:
        self._lock = threading.Lock()
        target = f"{path.absolute().as_uri()}?mode={'ro' if reads_only else 'rwc'}"
        self._db = sqlite3.connect(target, uri=True, check_same_thread=False, timeout=BUSY_S)
        if not reads_only:
            self._create()

    def _create(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        columns = ", ".join(f"{name} INTEGER" for name in FIELDS)
        for measurement in (RAW, HOUR):
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {measurement} (device TEXT NOT NULL, at_s INTEGER"
                f" NOT NULL, {columns}, PRIMARY KEY (device, at_s)) WITHOUT ROWID"
            )

    def put(self, samples: Sequence[Sample], measurement: str = RAW) -> None:
        rows = [(s.device, s.at_s, *(s.values.get(name) for name in FIELDS)) for s in samples]
        marks = ", ?" * len(FIELDS)
        self._write(f"INSERT OR REPLACE INTO {measurement} VALUES (?, ?{marks})", rows)

    def newest(self) -> dict[str, Sample]:
        query = (
            f"SELECT * FROM {RAW} WHERE (device, at_s) IN"
            f" (SELECT device, max(at_s) FROM {RAW} GROUP BY device)"
        )
        return {sample.device: sample for sample in self._read(query)}

    def samples(
        self, device: str, since_s: int, until_s: int, measurement: str, limit: int
    ) -> list[Sample]:
        query = (
            f"SELECT * FROM {measurement} WHERE device = ? AND at_s >= ? AND at_s < ?"
            " ORDER BY at_s LIMIT ?"
        )
        return self._read(query, (device, since_s, until_s, limit))

    def fold(self, from_s: int, until_s: int) -> None:
        names = {"mean": "avg"}
        folded = ", ".join(
            f"CAST(round({names.get(f.fold, f.fold)}({f.name})) AS INTEGER)" for f in SCHEMA
        )
        query = (
            f"INSERT OR REPLACE INTO {HOUR} SELECT device, at_s / {HOUR_S} * {HOUR_S} AS hour,"
            f" {folded} FROM {RAW} WHERE at_s >= ? AND at_s < ? GROUP BY device, hour"
        )
        self._write(query, [(from_s, until_s)])

    def forget(self, raw_before_s: int, hours_before_s: int) -> None:
        self._write(f"DELETE FROM {RAW} WHERE at_s < ?", [(raw_before_s,)])
        self._write(f"DELETE FROM {HOUR} WHERE at_s < ?", [(hours_before_s,)])

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            with self._lock, self._db:
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            # A lock or a full disk may pass; a file that is closed or broken will not.
            again = isinstance(error, sqlite3.OperationalError)
            raise StoreFault(f"the file says: {error}", again=again) from error

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Sample]:
        try:
            with self._lock:
                rows = self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreFault(f"the file says: {error}", again=True) from error
        return [Sample(row[0], row[1], dict(zip(FIELDS, row[2:], strict=True))) for row in rows]


class Influx:
    """An InfluxDB, or what writes or reads like one. `influx_bucket` is its database for InfluxQL.

    How long a server keeps samples is its bucket's own setting.
    """

    def __init__(self, settings: Settings) -> None:
        # A second's worth of imports that only towns with an InfluxDB should pay for.
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.domain.write_precision import WritePrecision

        self._url, self._bucket = settings.influx_url.rstrip("/"), settings.influx_bucket
        self._token = settings.influx_token.get_secret_value()
        self._seconds: Any = WritePrecision.S  # the library types its constants as text
        self._client = InfluxDBClient(
            self._url, token=self._token, org=settings.influx_org, timeout=int(TIMEOUT_S * 1000)
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def put(self, samples: Sequence[Sample], measurement: str = RAW) -> None:
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        lines = [line for sample in samples if (line := line_of(sample, measurement))]
        if not lines:
            return
        try:
            self._api.write(self._bucket, record=lines, write_precision=self._seconds)
        except ApiException as error:
            # What was refused for what it says is refused again; the rest may pass.
            again = error.status is None or error.status == 429 or error.status >= 500
            words = f"the server answers {error.status} {error.reason}"
            raise StoreFault(words, again=again) from error
        except (HTTPError, OSError) as error:
            raise StoreFault(f"the server does not answer: {error}", again=True) from error

    def newest(self) -> dict[str, Sample]:
        since_s = int(time.time()) - RECENT_S
        fields = ", ".join(f'"{name}"' for name in FIELDS)
        query = (
            f'SELECT {fields} FROM "{RAW}" WHERE time >= {since_s}s GROUP BY "device"'
            " ORDER BY time DESC LIMIT 1"
        )
        return {sample.device: sample for sample in self._ask(query)}

    def samples(
        self, device: str, since_s: int, until_s: int, measurement: str, limit: int
    ) -> list[Sample]:
        fields = ", ".join(f'"{name}"' for name in FIELDS)
        since_s, until_s = min(since_s, LATEST_S), min(until_s, LATEST_S)
        return self._ask(
            f'SELECT {fields} FROM "{measurement}" WHERE "device" = \'{device}\' AND'
            f' time >= {since_s}s AND time < {until_s}s GROUP BY "device"'
            f" ORDER BY time LIMIT {limit}"
        )

    def fold(self, from_s: int, until_s: int) -> None:
        folded = ", ".join(f'{f.fold}("{f.name}") AS "{f.name}"' for f in SCHEMA)
        hours = self._ask(
            f'SELECT {folded} FROM "{RAW}" WHERE time >= {from_s}s AND time < {until_s}s'
            ' GROUP BY time(1h), "device" fill(none)'
        )
        if hours:
            self.put(hours, HOUR)

    def forget(self, raw_before_s: int, hours_before_s: int) -> None:
        """The server's: its buckets have a retention of their own."""

    def close(self) -> None:
        self._api.close()  # type: ignore[no-untyped-call]  # the library's gap
        self._client.close()  # type: ignore[no-untyped-call]  # likewise

    def _ask(self, query: str) -> list[Sample]:
        """Return the samples of an InfluxQL query that is grouped by device."""
        asked = urlencode({"db": self._bucket, "q": query, "epoch": "s"})
        headers = {"Authorization": f"Token {self._token}"} if self._token else {}
        try:
            with urlopen(
                Request(f"{self._url}/query?{asked}", headers=headers), timeout=TIMEOUT_S
            ) as answer:
                result = json.load(answer)["results"][0]
        except (URLError, OSError, ValueError, LookupError) as error:
            raise StoreFault(f"the server does not answer: {error}", again=True) from error
        if "error" in result:
            raise StoreFault(f"the server answers: {result['error']}", again=False)
        return [
            _sample(one["tags"]["device"], dict(zip(one["columns"], row, strict=True)))
            for one in result.get("series", ())
            for row in one["values"]
        ]


def _sample(device: str, row: dict[str, Any]) -> Sample:
    """A mean of integers is rounded, as every field is an integer."""
    values = {name: None if row.get(name) is None else round(row[name]) for name in FIELDS}
    return Sample(device, row["time"], values)


def open_series(settings: Settings) -> Series:
    """Open the town's time series, and the queue before them."""
    if settings.influx_url:
        return Series(Influx(settings))
    return Series(Embedded(settings.telemetry_path))

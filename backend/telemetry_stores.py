"""Where time series lie: an SQLite file of its own, or by setting an InfluxDB.

InfluxDB is written through influxdb-client to /api/v2/write, which 1.8, 2.x, 3 and VictoriaMetrics
take, and read by InfluxQL at /query, which 1.x, 2.x and 3 answer. What is said of hours is worked
out by `fold`, alike in both, so that no server needs a task or a continuous query.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from backend.settings import Settings
from backend.telemetry import (
    BATCH,
    FIELDS,
    HOUR,
    HOUR_S,
    RAW,
    SCHEMA,
    Sample,
    Series,
    Store,
    StoreFault,
    line_of,
)

TIMEOUT_S = 3.0
RECENT_S = 30 * 86_400  # what `newest` looks back to in a server that holds years
BUSY_S = 0.5
LATEST_S = (2**63 - 1) // 10**9  # InfluxDB counts nanoseconds in 64 bits: the year 2262
_log = logging.getLogger(__name__)


class Embedded:
    """One row a sample in an SQLite file; losing the newest second at a power cut is allowed.

    A file that cannot be opened is tried again with each use, and one that is damaged is put
    aside for a new one: neither keeps a town from serving. `reads_only` looks into the file
    beside a backend that serves, and leaves it as it is.
    """

    def __init__(self, path: Path, *, reads_only: bool = False) -> None:
        self._path, self._reads_only = path, reads_only
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        try:
            self._opened()
        except sqlite3.Error as error:
            fault = self._fault(error)
            if not reads_only:
                _log.warning("Telemetry is lost for now: %s", fault)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            target = f"{self._path.absolute().as_uri()}?mode={'ro' if self._reads_only else 'rwc'}"
            made = sqlite3.connect(target, uri=True, check_same_thread=False, timeout=BUSY_S)
            try:
                if not self._reads_only:
                    _create(made)
            except sqlite3.Error:
                made.close()
                raise
            self._db = made
        return self._db

    def _fault(self, error: sqlite3.Error) -> StoreFault:
        """A lock, a full disk or a damaged file may pass; a file that was closed will not."""
        # What SQLite calls corrupt, or no database, is of this class and of none below it.
        damaged = type(error) is sqlite3.DatabaseError and not self._reads_only
        words = f"{self._path.name}: {error}"
        if damaged:
            words += f". It is kept as {self._put_aside()}, and another is begun"
        return StoreFault(words, again=damaged or isinstance(error, sqlite3.OperationalError))

    def _put_aside(self) -> str:
        if self._db is not None:
            self._db.close()
            self._db = None
        aside = self._path.with_name(f"{self._path.name}.before-{int(time.time())}")
        for suffix in ("-wal", "-shm", ""):
            if (part := self._path.with_name(self._path.name + suffix)).exists():
                part.rename(aside.with_name(aside.name + suffix))
        return aside.name

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
            if self._db is not None:
                self._db.close()

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._lock:
            try:
                with self._opened() as db:
                    db.executemany(statement, rows)
            except sqlite3.Error as error:
                raise self._fault(error) from error

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Sample]:
        with self._lock:
            try:
                rows = self._opened().execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._fault(error) from error
        return [Sample(row[0], row[1], dict(zip(FIELDS, row[2:], strict=True))) for row in rows]


def _create(made: sqlite3.Connection) -> None:
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("PRAGMA synchronous=NORMAL")
    columns = ", ".join(f"{name} INTEGER" for name in FIELDS)
    for measurement in (RAW, HOUR):
        made.execute(
            f"CREATE TABLE IF NOT EXISTS {measurement} (device TEXT NOT NULL, at_s INTEGER"
            f" NOT NULL, {columns}, PRIMARY KEY (device, at_s)) WITHOUT ROWID"
        )


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
            raise _refused(error.status or 0, error.reason) from error
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
        for first in range(0, len(hours), BATCH):
            self.put(hours[first : first + BATCH], HOUR)

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
            if "error" in result:
                raise StoreFault(f"the server answers: {result['error']}", again=False)
            return [
                _sample(one["tags"]["device"], dict(zip(one["columns"], row, strict=True)))
                for one in result.get("series", ())
                for row in one["values"]
            ]
        except HTTPError as error:
            raise _refused(error.code, error.reason) from error
        except (URLError, OSError, HTTPException) as error:
            raise StoreFault(f"the server does not answer: {error}", again=True) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            words = "what answers there is no InfluxDB that speaks InfluxQL"
            raise StoreFault(words, again=False) from error


def _refused(status: int, reason: str) -> StoreFault:
    """What was refused for what it says is refused again; the rest may pass."""
    again = status == 0 or status == 429 or status >= 500
    return StoreFault(f"the server answers {status} {reason}", again=again)


def _sample(device: str, row: dict[str, Any]) -> Sample:
    """A mean of integers is rounded, as every field is an integer."""
    values = {name: None if row.get(name) is None else round(row[name]) for name in FIELDS}
    return Sample(device, row["time"], values)


def open_series(settings: Settings) -> Series:
    """Open the town's time series, and the queue before them."""
    if settings.influx_url:
        return Series(Influx(settings))
    return Series(Embedded(settings.telemetry_path))


def open_reader(settings: Settings) -> Store | None:
    """The store to look into beside a backend that serves; None if there is nothing in it yet."""
    if settings.influx_url:
        return Influx(settings)
    path = settings.telemetry_path
    return Embedded(path, reads_only=True) if path.exists() else None

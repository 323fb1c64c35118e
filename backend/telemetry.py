"""Time series of the bins: fill, temperature, battery, signal. Lossy, never on the money path.

By default an SQLite file of its own; with `influx_url` set, InfluxDB's write API through
influxdb-client, batched in its own thread. A failure is logged and counted, never raised.
"""

import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backend.counts import Counts
from backend.settings import Settings

MEASUREMENT = "bin"
FIELDS = (
    "fill_pct",
    "temp_c10",
    "battery_mv",
    "rssi_dbm",
    "heap_free",
    "journal_depth",
    "raw_zero",
)
BATCH, FLUSH_MS = 500, 1_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one device reported at one moment; fields it cannot measure are None."""

    device: str
    at_s: int
    values: dict[str, int | None]


class TimeSeries(Protocol):
    counts: Counts

    def write(self, samples: Sequence[Sample]) -> None: ...
    def newest(self, device: str) -> Sample | None: ...
    def close(self) -> None: ...


class Embedded:
    """One row a sample in an SQLite file; losing the newest second at a power cut is allowed."""

    def __init__(self, path: Path) -> None:
        self.counts = Counts()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        columns = ", ".join(f"{name} INTEGER" for name in FIELDS)
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS {MEASUREMENT} (device TEXT NOT NULL, at_s INTEGER NOT"
            f" NULL, {columns}, PRIMARY KEY (device, at_s)) WITHOUT ROWID"
        )
        self._insert = f"INSERT OR REPLACE INTO {MEASUREMENT} VALUES (?, ?{', ?' * len(FIELDS)})"

    def write(self, samples: Sequence[Sample]) -> None:
        rows = [(s.device, s.at_s, *(s.values.get(name) for name in FIELDS)) for s in samples]
        try:
            with self._lock, self._db:
                self._db.executemany(self._insert, rows)
            self.counts.add("written", len(rows))
        except sqlite3.Error:
            self.counts.add("lost", len(rows))
            _log.exception("Telemetry was lost: %d samples.", len(rows))

    def newest(self, device: str) -> Sample | None:
        query = f"SELECT * FROM {MEASUREMENT} WHERE device = ? ORDER BY at_s DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (device,)).fetchone()
        return Sample(row[0], row[1], dict(zip(FIELDS, row[2:], strict=True))) if row else None

    def close(self) -> None:
        with self._lock:
            self._db.close()


class Influx:
    """InfluxDB by its own client, which batches and retries in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        # A second's worth of imports that only towns with an InfluxDB should pay for.
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import WriteOptions
        from influxdb_client.domain.write_precision import WritePrecision

        self.counts = Counts()
        self._newest: dict[str, Sample] = {}
        self._bucket = settings.influx_bucket
        self._seconds: Any = WritePrecision.S  # the library types its constants as text
        self._client = InfluxDBClient(
            settings.influx_url,
            token=settings.influx_token.get_secret_value(),
            org=settings.influx_org,
        )
        self._api = self._client.write_api(
            WriteOptions(batch_size=BATCH, flush_interval=FLUSH_MS, max_retries=3),
            success_callback=lambda _to, data: self._count("written", data),
            error_callback=lambda _to, data, error: self._lose(data, error),
        )

    def write(self, samples: Sequence[Sample]) -> None:
        for sample in samples:
            self._newest[sample.device] = sample
            line = line_of(sample)
            if line:
                self._api.write(self._bucket, record=line, write_precision=self._seconds)

    def newest(self, device: str) -> Sample | None:
        """Only what this process wrote: reading InfluxDB is Grafana's business."""
        return self._newest.get(device)

    def close(self) -> None:
        self._api.close()  # type: ignore[no-untyped-call]  # the library's gap
        self._client.close()  # type: ignore[no-untyped-call]  # likewise

    def _count(self, name: str, data: str | bytes) -> None:
        text = data.decode() if isinstance(data, bytes) else data
        self.counts.add(name, len(text.splitlines()))

    def _lose(self, data: str | bytes, error: Exception) -> None:
        self._count("lost", data)
        _log.warning("InfluxDB refused telemetry: %s", error)


def line_of(sample: Sample) -> str:
    """Return a sample in line protocol; empty if it measures nothing.

    A device's name has no character that line protocol would need escaped.
    """
    fields = [f"{k}={v}i" for k in FIELDS if (v := sample.values.get(k)) is not None]
    return (
        f"{MEASUREMENT},device={sample.device} {','.join(fields)} {sample.at_s}" if fields else ""
    )


def open_series(settings: Settings) -> TimeSeries:
    return Influx(settings) if settings.influx_url else Embedded(settings.telemetry_path)

"""Settings, read once from the environment (prefix FARZ_). There is no default secret.

The town's secret is a file of 32 random bytes in hex, readable by its owner alone, that
`create_secret` writes once; device keys at rest, card hashes and sign-ins all hang on it.
"""

import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.errors import SecretMissing

SECRET_BYTES = 32


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FARZ_", frozen=True, extra="ignore")

    data_dir: Path = Path.home() / ".local" / "share" / "farz"
    database_url: str = ""  # empty: an SQLite file in data_dir
    secret_file: Path | None = None  # None: town.secret in data_dir
    ledger_id: int = 1  # the town that this process serves
    cookie_secure: bool = False  # True behind HTTPS
    session_hours: int = 12
    backup_dir: Path | None = None  # where `farz backup` puts them, best on another disk
    log_format: Literal["auto", "json", "text"] = "auto"  # auto: text on a terminal
    metrics_token: SecretStr = SecretStr("")  # empty: /metrics for this machine alone
    allow_leap: bool = False  # books may go on after a pause of more than 90 days
    synthetic: bool = False  # True for made-up towns: every page says so
    influx_url: str = ""  # empty: the embedded time series
    influx_org: str = ""
    influx_bucket: str = "farz"
    influx_token: SecretStr = SecretStr("")

    @property
    def books_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'books.sqlite'}"

    @property
    def sessions_url(self) -> str:
        """Sign-ins keep out of the books' one-writer file; a server database holds both."""
        if self.books_url.startswith("sqlite"):
            return f"sqlite:///{self.data_dir / 'sessions.sqlite'}"
        return self.database_url

    @property
    def audit_url(self) -> str:
        """The audit log keeps out of the books' one-writer file, too."""
        if self.books_url.startswith("sqlite"):
            return f"sqlite:///{self.data_dir / 'audit.sqlite'}"
        return self.database_url

    @property
    def telemetry_path(self) -> Path:
        return self.data_dir / "telemetry.sqlite"

    @property
    def secret_path(self) -> Path:
        return self.secret_file or self.data_dir / "town.secret"

    def create_secret(self) -> Path:
        """Write a new town secret unless there is one; return where it is."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(self.secret_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.secret_path
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return self.secret_path

    def town_secret(self) -> bytes:
        """Return the 32 bytes of the town's secret; SecretMissing if there are none."""
        try:
            raw = bytes.fromhex(self.secret_path.read_text().strip())
        except FileNotFoundError:
            raise SecretMissing(
                f"There is no town secret at {self.secret_path}. Run: farz init"
            ) from None
        except ValueError:
            raise SecretMissing(f"{self.secret_path} does not hold a secret in hex.") from None
        if len(raw) != SECRET_BYTES:
            raise SecretMissing(f"{self.secret_path} does not hold {SECRET_BYTES} bytes in hex.")
        return raw

"""What a gateway is told once, at its start: environment first, then a JSON file, then defaults.

Variables are named FARZ_GATEWAY_BACKEND_URL and so on; FARZ_GATEWAY_FILE names the JSON file.
"""

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from edge_gateway.errors import SettingsError

DAY_S = 86_400


class Settings(BaseSettings):
    """Every number that bounds something has its home here."""

    model_config = SettingsConfigDict(
        env_prefix="FARZ_GATEWAY_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    gateway: str = Field("gateway", pattern=r"^[a-z0-9-]{1,32}$")
    """This gateway's name: at the backend, in attestations, as broker user and MQTT client id."""
    data_dir: Path = Path("var/gateway")
    """Where its key and what it took in lie."""

    broker_host: str = "127.0.0.1"
    """The broker's name, as in the broker's certificate."""
    broker_port: int = Field(1883, ge=1, le=65_535)
    """8883 where the broker asks for certificates."""
    broker_password: SecretStr = SecretStr("")
    """For a broker on the loopback that asks for passwords."""
    broker_ca: Path | None = None
    """Certificate of the broker's authority; given, the connection is encrypted and verified."""
    broker_certificate: Path | None = None
    """This gateway's certificate, for a broker that asks for one (`farz device admit`)."""
    broker_private_key: Path | None = None
    """The key of that certificate."""
    keepalive_s: int = Field(60, ge=5, le=600)
    """How long the connection may be silent before the broker is asked whether it is there."""
    session_s: int = Field(14 * DAY_S, ge=0, le=2**32 - 1)
    """How long the broker keeps this gateway's session while it is away."""
    in_flight: int = Field(20, ge=1, le=1000)
    """Messages the broker may send before the first of them is acknowledged: its back-pressure."""
    outgoing_max: int = Field(1000, ge=10)
    """Messages to bins that wait for the broker; beyond it the oldest goes, and comes again."""

    backend_url: str = "http://127.0.0.1:8000"
    """Where the backend listens."""
    backend_key: SecretStr = SecretStr("")
    """What `farz device gateway` printed for this gateway."""
    timeout_s: float = Field(8.0, gt=0)
    """How long the backend may take to answer."""
    batch_records: int = Field(500, ge=1, le=500)
    """Records in one request to the backend, at most."""
    poll_s: float = Field(1.0, gt=0)
    """How long an idle gateway waits before it asks the backend for messages to devices."""
    backoff_s: float = Field(0.5, gt=0)
    """The first wait after a failure; each next one is longer."""
    backoff_max_s: float = Field(60.0, gt=0)
    """The longest of these waits."""

    retention_s: int = Field(30 * DAY_S, ge=0)
    """Uplinked bytes are kept this long; make it longer than the backend's backup interval."""
    store_max_bytes: int = Field(8 * 2**30, ge=2**20)
    """How large the file of what came may grow; then nothing more is acknowledged."""
    dead_letters_max: int = Field(10_000, ge=1)
    """Refused messages that are kept to look at; the oldest go first."""
    dead_letters_per_device: int = Field(500, ge=1)
    """… of one device."""
    telemetry_max: int = Field(2_000, ge=1)
    """Telemetry that waits for the backend; beyond it the oldest is dropped."""
    telemetry_s: float = Field(5.0, gt=0)
    """How often telemetry is sent."""

    health_port: int = Field(8021, ge=0, le=65_535)
    """Loopback port of /healthz; 0 takes a free one."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if path := os.environ.get("FARZ_GATEWAY_FILE"):
            sources.append(JsonConfigSettingsSource(settings_cls, json_file=path))
        return tuple(sources)


def load() -> Settings:
    """Read the settings, or raise SettingsError with the names of what is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError("The settings are wrong. " + "; ".join(problems)) from error


def described() -> list[tuple[str, str, str]]:
    """Every setting as (variable, what it is if nothing is said, what it is for)."""
    told = [("FARZ_GATEWAY_FILE", "", 'A JSON file of these settings: {"broker_host": "…"}.')]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        words = " ".join((field.description or "").split())
        told.append((f"FARZ_GATEWAY_{name.upper()}", "" if shown is None else str(shown), words))
    return told

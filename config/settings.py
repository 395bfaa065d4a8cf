"""Every knob once: typed, described, with its unit.

Read, strongest first, from flags, the environment (`ZIMAGINE_DISCORD__TOKEN`), `.env`, `zimagine.toml` and the
defaults below. Knows what values are allowed, not what is done with them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "ZIMAGINE_"
TOML_FILE = Path("zimagine.toml")

Count = Annotated[int, Field(ge=1, le=4)]
Steps = Annotated[int, Field(ge=1, le=60)]


class Section(BaseModel):
    """A group of settings: unknown names are mistakes, not extensions."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class DiscordSettings(Section):
    """How to reach Discord."""

    token: SecretStr | None = None
    """The bot's token, from the application's page on Discord's developer portal."""

    endpoint: HttpUrl | None = None
    """Base address of a REST proxy or a Discord-compatible server; REST is called under its /api/v10."""


class EngineSettings(Section):
    """The painter that runs on this machine."""

    model: str = "auto"
    """`starter`, a diffusers folder, a hub id, or `auto`: the published model if a GPU and its files are there."""

    threads: Annotated[int, Field(ge=1, le=256)] = 1 if (os.cpu_count() or 1) <= 2 else (os.cpu_count() or 1) // 2
    """Processor threads that torch may use."""

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to paint."""

    hang_after: Annotated[float, Field(ge=5, le=3600)] = 120.0
    """Seconds without a finished step after which a painting worker is killed and started anew."""

    log_prompts: bool = False
    """Whether the engine's log shows prompts; otherwise it shows their hash."""


class DefaultSettings(Section):
    """What a picture is like when nobody says otherwise; admins change these per server and channel."""

    shape: str = "1:1"
    """Aspect ratio, one of those the model has."""

    steps: Steps | None = None
    """Steps of a picture; without a value the model's own."""

    guidance: Annotated[float, Field(gt=0, le=30)] = 3.0
    """Guidance that a negative prompt turns on (diffusers' scale; 0 would be off)."""

    count: Count = 1
    """Pictures per request."""


class LimitSettings(Section):
    """The owner's ceilings; a server may set lower ones."""

    steps: Steps = 20
    """Most steps anybody may ask for."""

    per_minute: Annotated[int, Field(ge=1)] = 20
    """Pictures a person may ask for in any 60 seconds."""

    per_day: Annotated[int, Field(ge=1)] = 500
    """Pictures a person may ask for in any 24 hours."""

    in_flight: Annotated[int, Field(ge=1)] = 5
    """Requests of one person that may wait or be painted at once."""

    queue: Annotated[int, Field(ge=1)] = 200
    """Requests of everybody that may wait at once."""


class LogSettings(Section):
    """What the terminal shows."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least serious line that is shown."""


class Settings(BaseSettings):
    """All settings of a bot."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",  # .env may hold other programs' variables; sources.py refuses unknown names of ours
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    data: Path = Path("data")
    """Folder for the ledger, the pictures and the local engine's address; one bot per folder."""

    playground_port: Annotated[int, Field(ge=0, le=65535)] = 8420
    """Port of the playground on 127.0.0.1; 0 takes a free one."""

    discord: DiscordSettings = DiscordSettings()
    engine: EngineSettings = EngineSettings()
    defaults: DefaultSettings = DefaultSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    @field_validator("data")
    @classmethod
    def _expand_home(cls, data: Path) -> Path:
        return data.expanduser()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls, TOML_FILE)

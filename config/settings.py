"""Every knob once: typed, described, with its unit.

Read, strongest first, from flags, the environment (`ZIMAGINE_DISCORD__TOKEN`), `.env`, `zimagine.toml` and the
defaults below. Knows what values are allowed, not what is done with them.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "ZIMAGINE_"
TEXT = "utf-8-sig"  # UTF-8, with the mark before it that Windows' editors write
TOML_FILE = Path("zimagine.toml")

Count = Annotated[int, Field(ge=1, le=4)]
SHAPE = r"^([1-9]\d?:[1-9]\d?|[1-9]\d{1,4}x[1-9]\d{1,4})$"
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

    proxy: Annotated[HttpUrl, Field(examples=["http://proxy:3128"])] | None = None
    """Proxy through which Discord is reached; without one, that of `HTTPS_PROXY`, as `NO_PROXY` allows."""

    @field_validator("token", mode="before")
    @classmethod
    def _bare(cls, token: object) -> object:
        """As it was pasted: with quotation marks, white space or the word before it that belongs into a header."""
        if not isinstance(token, str):
            return token
        return token.strip().removeprefix("Bot ").strip(" \t\"'`“”‘’") or None


class ClusterSettings(Section):
    """The NATS broker at which engines on other machines meet the bot."""

    url: Annotated[str, Field(pattern=r"^(nats|tls)://", examples=["nats://host:4222"])] | None = None
    """Address of the broker, `nats://host:4222`; with one, the bot starts no engine of its own."""

    credentials: Path | None = None
    """File with the bot's nkey seed, as `python run_bot.py cluster-config` writes it."""

    ca: Path | None = None
    """File with the certificates (PEM) that the broker's own must come from."""


class EngineSettings(Section):
    """The painter that runs on this machine."""

    local: bool | None = None
    """Whether the bot starts it; without a value, only where no broker is set."""

    model: str = "auto"
    """`starter`, a diffusers folder, a hub id, a transformer file (.safetensors, .gguf), or `auto`: the best there."""

    models: Path | None = None
    """Folder of models: its diffusers folders and transformer files are what `/admin model` offers by name."""

    text_encoder: Path | None = None
    """For a transformer file: the text encoder's (`qwen_3_4b.safetensors`); without, that of `engine.base`."""

    vae: Path | None = None
    """For a transformer file: the VAE's (`ae.safetensors`); without, that of `engine.base`."""

    base: str = "Tongyi-MAI/Z-Image-Turbo"
    """For a transformer file: the folder or hub id with the tokenizer, configurations and parts that no file brings."""

    weights: Literal["plain", "int8", "fp8"] = "plain"
    """What a weight is: as the model brings it, or packed into one byte when it is loaded (needs `.[torchao]`)."""

    loras: Path | None = None
    """Folder of LoRA files (*.safetensors), offered by their names; files that come or go are noticed meanwhile."""

    controlnet: Path | None = None
    """ControlNet (Z-Image-Turbo-Fun-Controlnet-Union): a diffusers folder or a single file."""

    upscaler: Path | None = None
    """Folder of a super-resolution model (transformers' Swin2SR, say swin2SR-classical-sr-x2-64) for sharp upscales."""

    threads: Annotated[int, Field(ge=1, le=256)] = 1 if (os.cpu_count() or 1) <= 2 else (os.cpu_count() or 1) // 2
    """Processor threads that torch may use."""

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to paint."""

    memory: Literal["auto", "resident", "encoder-evicted", "fp8-storage", "group-offload", "sequential"] = "auto"
    """How the weights are kept, from the most GPU memory to the least; `auto` takes the fastest way that fits."""

    attention: Literal["native", "cudnn", "flash", "flash3", "sage"] = "native"
    """Attention kernels of the GPU; all but `native` and `cudnn` need a package and are used where no mask arises."""

    compile: bool = False
    """Whether to compile the transformer on a GPU: about a minute at the start, faster pictures afterwards."""

    hang_after: Annotated[float, Field(ge=5, le=3600)] = 120.0
    """Seconds without a finished step after which a painting worker is killed and started anew."""

    log_prompts: bool = False
    """Whether the engine's log shows prompts; otherwise it shows their hash."""


class DefaultSettings(Section):
    """What a picture is like when nobody says otherwise; admins change these per server and channel."""

    shape: Annotated[str, Field(pattern=SHAPE, examples=["3:2"])] = "1:1"
    """Aspect ratio, or size in pixels."""

    steps: Steps | None = None
    """Steps of a picture; without a value the model's own."""

    guidance: Annotated[float, Field(gt=0, le=30)] | None = None
    """Guidance where the model or a negative prompt turns it on (diffusers' scale); without a value the model's own."""

    count: Count = 1
    """Pictures per request."""

    variety: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much the pictures of one prompt are set apart, where the model can; 0 leaves them to their seeds."""


class LimitSettings(Section):
    """The owner's ceilings; a server may set lower ones."""

    steps: Steps | None = None
    """Most steps anybody may ask for; without a value 2.5 times what the model is made for, and at least 20."""

    per_minute: Annotated[int, Field(ge=1)] = 20
    """Pictures a person may ask for in any 60 seconds."""

    per_day: Annotated[int, Field(ge=1)] = 500
    """Pictures a person may ask for in any 24 hours."""

    in_flight: Annotated[int, Field(ge=1)] = 5
    """Requests of one person that may wait or be painted at once."""

    queue: Annotated[int, Field(ge=1)] = 200
    """Requests of everybody that may wait at once."""


class StorageSettings(Section):
    """The disk under the data folder."""

    least_free: Annotated[int, Field(ge=0)] = 200
    """Room in MiB that must be left; with less, new requests are refused and those accepted are still painted."""

    pictures: Annotated[int, Field(ge=0)] = 50
    """Room in GiB for all pictures; beyond it the oldest go, but none that is yet to be shown. 0 is no limit."""

    keep_pictures: Annotated[int, Field(ge=0)] = 0
    """Days after which a picture goes; Upscale and Vary then say so, Reroll and Edit still work. 0 is never."""

    keep_jobs: Annotated[int, Field(ge=0)] = 0
    """Days after which a request goes with its words and pictures; its buttons then say so. 0 is never."""


class LogSettings(Section):
    """What the terminal shows."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least serious line that is shown."""


class _Toml(TomlConfigSettingsSource):
    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return tomllib.loads(file_path.read_text(TEXT))


class Settings(BaseSettings):
    """All settings of a bot."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding=TEXT,
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
    cluster: ClusterSettings = ClusterSettings()
    defaults: DefaultSettings = DefaultSettings()
    limits: LimitSettings = LimitSettings()
    storage: StorageSettings = StorageSettings()
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
        return init_settings, env_settings, dotenv_settings, _Toml(settings_cls, TOML_FILE)

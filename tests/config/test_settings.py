"""Settings: one place for every knob, and one sentence for every mistake."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from config.example import EXAMPLE, example
from config.settings import Settings
from config.sources import BrokenSetting, field_schema, read_settings, setting_paths


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(*flags: str) -> Settings:
    return read_settings(argparse.ArgumentParser(), flags)[0]


def test_flags_win_over_the_environment_over_dotenv_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("zimagine.toml").write_text('data = "toml"\n[limits]\nper_day = 1\nper_minute = 1\nqueue = 1\n', "utf-8")
    Path(".env").write_text("ZIMAGINE_LIMITS__PER_DAY=2\nZIMAGINE_LIMITS__PER_MINUTE=2\nOTHER_PROGRAM=x\n", "utf-8")
    monkeypatch.setenv("ZIMAGINE_LIMITS__PER_DAY", "3")

    settings = read("--limits.in-flight", "4")

    assert settings.data == Path("toml")
    assert settings.limits.queue == 1
    assert settings.limits.per_minute == 2
    assert settings.limits.per_day == 3
    assert settings.limits.in_flight == 4


def test_a_token_never_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIMAGINE_DISCORD__TOKEN", "very-secret")

    assert "very-secret" not in repr(read())
    assert "very-secret" not in str(read().model_dump())


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ZIMAGINE_ENGINE__THREADS", "0", "a whole number from 1 to 256"),
        ("ZIMAGINE_ENGINE__DEVICE", "abacus", "one of auto, cuda, cpu"),
        ("ZIMAGINE_ENGINE__HANG_AFTER", "soon", "a number from 5 to 3600"),
        ("ZIMAGINE_ENGINE__LOG_PROMPTS", "perhaps", "true or false"),
        ("ZIMAGINE_DISCORD__ENDPOINT", "nowhere", "an address such as http://127.0.0.1:9000"),
        ("ZIMAGINE_DEFAULTS__GUIDANCE", "0", "a number above 0, at most 30"),
        ("ZIMAGINE_CLUSTER__URL", "http://host", "a text such as nats://host:4222"),
        ("ZIMAGINE_DEFAULTS__SHAPE", "round", "a text such as 3:2"),
        ("ZIMAGINE_DEFAULTS__STEPS", "61", "a whole number from 1 to 60"),
        ("ZIMAGINE_DEFAULTS__COUNT", "5", "a whole number from 1 to 4"),
        ("ZIMAGINE_LIMITS__QUEUE", "-1", "a whole number, at least 1"),
        ("ZIMAGINE_LOG__LEVEL", "loud", "one of debug, info, warning, error"),
        ("ZIMAGINE_PLAYGROUND_PORT", "70000", "a whole number from 0 to 65535"),
    ],
)
def test_a_broken_value_is_named_with_what_is_allowed_and_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BrokenSetting) as broken:
        read()

    assert str(broken.value) == f"{name} is {value!r} (from the environment); allowed is {allowed}."


def test_a_broken_value_in_a_section_given_as_json_is_traced_to_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZIMAGINE_LIMITS", '{"per_day": "many"}')

    with pytest.raises(BrokenSetting, match=r"ZIMAGINE_LIMITS__PER_DAY is 'many' \(from the environment\)"):
        read()


@pytest.mark.parametrize("file", [".env", "zimagine.toml"])
def test_a_file_that_is_not_utf_8_is_one_sentence(file: str) -> None:
    Path(file).write_text("ZIMAGINE_DISCORD__TOKEN=x\n", "utf-16")  # as PowerShell's `>` writes it

    with pytest.raises(BrokenSetting) as broken:
        read()

    assert str(broken.value) == f"{file} is not UTF-8 text; save it again as UTF-8."


def test_a_misspelt_name_is_refused_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("zimagine.toml").write_text("[limits]\nper_dya = 5\n", "utf-8")
    with pytest.raises(BrokenSetting, match=r"^limits.per_dya \(from zimagine.toml\).*did you mean limits.per_day\?$"):
        read()
    Path("zimagine.toml").write_text("[limit]\nper_day = 5\n", "utf-8")
    with pytest.raises(BrokenSetting, match=r"^limit \(from zimagine.toml\) is no setting; did you mean limits\?$"):
        read()
    Path("zimagine.toml").write_text("[limit\n", "utf-8")
    with pytest.raises(BrokenSetting, match="not valid TOML"):
        read()
    Path("zimagine.toml").unlink()
    Path(".env").write_text("ZIMAGINE_DISCORT__TOKEN=x\n", "utf-8")
    with pytest.raises(BrokenSetting, match=r"ZIMAGINE_DISCORT__TOKEN \(from .env\)"):
        read()
    Path(".env").unlink()
    monkeypatch.setenv("ZIMAGINE_TOKEN", "x")
    with pytest.raises(BrokenSetting, match=r"ZIMAGINE_TOKEN \(from the environment\)"):
        read()


def test_a_broken_flag_is_named_as_a_flag() -> None:
    with pytest.raises(BrokenSetting, match=r"^--limits\.per-day is 'many'; allowed is a whole number, at least 1\.$"):
        read("--limits.per-day", "many")


def test_a_broken_value_in_the_file_is_named_as_it_is_written_there() -> None:
    Path("zimagine.toml").write_text("[engine]\nhang_after = 1\n", "utf-8")

    with pytest.raises(BrokenSetting, match=r"^engine\.hang_after is 1 \(from zimagine\.toml\); allowed is a number"):
        read()


@pytest.mark.parametrize(
    ("file", "content"),
    [("zimagine.toml", "limits.per_day = 5\n"), (".env", "ZIMAGINE_LIMITS__PER_DAY=5\n")],
)
def test_a_file_as_windows_saves_it_is_read(file: str, content: str) -> None:
    Path(file).write_text(content, "utf-8-sig")

    assert read().limits.per_day == 5


@pytest.mark.parametrize(
    "pasted", ['"abc.def.ghi"', "'abc.def.ghi' ", "\tabc.def.ghi\n", "Bot abc.def.ghi", "“abc.def.ghi”"]
)
def test_a_token_is_taken_as_it_was_pasted(monkeypatch: pytest.MonkeyPatch, pasted: str) -> None:
    monkeypatch.setenv("ZIMAGINE_DISCORD__TOKEN", pasted)

    token = read().discord.token

    assert token is not None
    assert token.get_secret_value() == "abc.def.ghi"


def test_a_token_of_quotation_marks_alone_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIMAGINE_DISCORD__TOKEN", '""')

    assert read().discord.token is None


def test_help_names_no_classes_of_python() -> None:
    parser = argparse.ArgumentParser()
    read_settings(parser, [])

    page = parser.format_help()

    assert re.search(r"--[\w.-]+ (SecretStr|HttpUrl|Path|str|int|float|bool)\b|default: None", page) is None
    assert "--discord.token TOKEN" in page
    assert "--limits.per-day N" in page
    assert "--engine.compile {true,false}" in page


def test_every_setting_is_described() -> None:
    for path in setting_paths():
        schema = field_schema(path)
        assert schema is not None, path
        assert schema["description"].endswith("."), path


def test_the_example_file_is_the_one_the_settings_write() -> None:
    assert EXAMPLE.read_text("utf-8") == example(), "run: python -m config.example"


def test_the_example_file_is_accepted_as_it_stands_and_uncommented() -> None:
    lines = example().splitlines()
    uncommented = [
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line for line in lines
    ]
    Path("zimagine.toml").write_text("\n".join(line for line in uncommented if not line.endswith("=")), "utf-8")

    assert read() == Settings()

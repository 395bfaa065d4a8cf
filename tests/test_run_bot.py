"""The command line as its owner meets it: one sentence for every mistake, one line for a picture."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import aiohttp
import psutil
import pytest
from PIL import Image

from bot.startup.data_folder import data_folder
from engine.metadata.png import read_texts
from playground import open_playground
from playground.world import people
from tests.support.patience import until

ROOT = Path(__file__).parents[1]
STARTER = "--engine.model=starter"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings in the environment."""
    for name in [name for name in os.environ if name.startswith("ZIMAGINE_")]:
        monkeypatch.delenv(name)
    return tmp_path


def run(folder: Path, *arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run_bot.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def assert_one_sentence(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    for word in words:
        assert word in lines[0]


def test_without_a_token_it_says_how_to_get_one_and_that_the_playground_needs_none(folder: Path) -> None:
    assert_one_sentence(run(folder), "https://discord.com/developers", "ZIMAGINE_DISCORD__TOKEN", "--playground")
    assert list(folder.iterdir()) == []


def test_a_broken_setting_is_one_sentence(folder: Path) -> None:
    ended = run(folder, "--limits.per-day", "many")

    assert_one_sentence(ended, "'many'", "whole number", "--limits.per-day")


def test_say_without_the_playground_is_one_sentence(folder: Path) -> None:
    assert_one_sentence(run(folder, "--say", "/help"), "--playground")


def test_a_data_folder_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    (folder / "file").write_text("not a folder")

    assert_one_sentence(run(folder, "--playground", "--data", "file/data"), "file/data", "cannot be written")
    assert_one_sentence(run(folder, "--playground", "--data", "file"), "The data folder file is a file")


def test_a_folder_for_pictures_that_cannot_be_made_is_one_sentence(folder: Path) -> None:
    (folder / "file").write_text("not a folder")

    ended = run(folder, "--playground", "--say", "/help", "--save", "file/pictures")

    assert_one_sentence(ended, "file/pictures", "cannot be saved")


def test_a_second_bot_on_the_same_folder_is_one_sentence(folder: Path) -> None:
    with data_folder(folder / "data"):
        ended = run(folder, "--playground", "--data", "data")

    assert_one_sentence(ended, "Another bot", "data")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
def test_a_new_data_folder_is_for_its_owner_alone_and_an_open_one_is_said_to_be_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with data_folder(tmp_path / "new") as new:
        assert new.stat().st_mode & 0o777 == 0o700
    assert caplog.text == ""

    new.chmod(0o755)
    with data_folder(new):
        assert new.stat().st_mode & 0o777 == 0o755  # its owner may have a reason

    assert "chmod 700" in caplog.text


def test_a_port_in_use_is_one_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(folder, "--playground", "--playground-port", str(port))

    assert_one_sentence(ended, f"The playground cannot start: port {port} is in use; choose another.")


def test_a_flag_that_does_not_exist_is_one_sentence(folder: Path) -> None:
    assert_one_sentence(run(folder, "--playgroud"), "--playgroud", "--help lists")


def test_a_ledger_that_is_none_is_one_sentence(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "ledger.db").write_bytes(b"this is no database" * 100)

    ended = run(folder, "--playground", "--data", "data")

    assert ended.returncode == 2
    assert "ledger.db" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_that_is_not_there_is_one_sentence(folder: Path) -> None:
    ended = run(folder, "--playground", "--engine.model", "nowhere", "--say", "/imagine prompt:x")

    assert ended.returncode == 1
    assert "nowhere" in ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_one_line_paints_a_part_of_a_file_and_goes_on_beyond_its_edge(folder: Path) -> None:
    photo = Image.radial_gradient("L").resize((256, 256)).convert("RGB")
    photo.save(folder / "cat.png")
    mask = Image.new("L", (512, 512))
    mask.paste(255, (0, 0, 200, 512))
    mask.save(folder / "hat.png")

    ended = run(
        folder, "--playground", STARTER, "--say", "/imagine prompt:a red star image:@cat.png mask:@hat.png seed:7",
        "--say", "click:More", "--say", "click:Pan right", "--save", "pictures",
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    log = (folder / "data" / "engine.log").read_text("utf-8").splitlines()
    strange = [line for line in log if not re.match(r"\d\d:\d\d:\d\d engine\.", line)]
    assert strange == []  # what libraries say while they are imported is about other machines
    paths = [Path(folder, name) for name in re.findall(r"^saved (.+)$", ended.stdout, flags=re.MULTILINE)]
    (painted, wider) = (Image.open(path).convert("RGB") for path in paths)
    assert painted.crop((100, 0, 256, 256)).tobytes() == photo.crop((100, 0, 256, 256)).tobytes()
    assert painted.crop((0, 0, 100, 256)).tobytes() != photo.crop((0, 0, 100, 256)).tobytes()
    assert wider.size == (384, 256)
    assert wider.crop((0, 0, 256, 256)).tobytes() == painted.tobytes()
    assert "Inpaint: mask" in read_texts(paths[0].read_bytes())["parameters"]
    assert "Outpaint: right 128" in read_texts(paths[1].read_bytes())["parameters"]


def test_one_line_paints_one_picture_with_its_recipe_inside(folder: Path) -> None:
    ended = run(
        folder, "--playground", STARTER, "--say", "/imagine prompt:a red star seed:7", "--say", "click:Upscale",
        "--say", "click:Edit prompt:一个蓝色圆形 seed:9", "--save", "pictures", "--say", "click:Edit",
        "--say", "click:More", "--say", "click:Delete", "--say", "click:Delete for good",
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert "seed 7" in ended.stdout
    paths = [Path(folder, name) for name in re.findall(r"^saved (.+)$", ended.stdout, flags=re.MULTILINE)]
    sizes: list[tuple[int, int]] = []
    for path in paths:
        with Image.open(path) as picture:
            sizes.append(picture.size)
    names = [path.name for path in paths]
    assert names == ["a-red-star-7.png", "a-red-star-7-2.png", "一个蓝色圆形-9.png"]
    assert sizes[:2] == [(256, 256), (512, 512)]
    assert "Seed: 7," in read_texts(paths[0].read_bytes())["parameters"]
    form, panel, question, gone, done = ended.stdout.strip().split("\n\n")[-5:]
    assert "\nPrompt: 一个蓝色圆形\n" in form
    assert panel.startswith("More of this picture")
    assert question.startswith("Delete this picture?")
    assert gone == "[gone] 一个蓝色圆形"
    assert done.startswith("Deleted")


def test_a_refusal_is_printed_and_the_exit_status_is_one(folder: Path) -> None:
    ended = run(
        folder, "--playground", STARTER, "--say", "/imagine prompt:x strength:0.5", "--say", "/imagine seed:7",
        "--say", "a red star",
    )  # fmt: skip

    assert ended.returncode == 1, ended.stderr
    *said, hint = ended.stdout.strip().splitlines()
    assert "Strength says how much of your image to repaint" in ended.stdout
    assert '/imagine needs the option "prompt".' in said
    assert hint == "The painter hears commands only. Write: /imagine prompt:a red star"


def test_an_engine_that_cannot_start_is_said_in_one_sentence_and_the_exit_status_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "hidden" / "torch").mkdir(parents=True)
    (folder / "hidden" / "torch" / "__init__.py").write_text("raise ModuleNotFoundError('No module named torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder / "hidden"))

    ended = run(folder, "--playground", STARTER, "--say", "/imagine prompt:a red star")

    assert ended.returncode == 1, ended.stderr
    assert "The engine cannot start: No module named torch." in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr


async def test_ctrl_c_ends_bot_playground_and_engine(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "run_bot.py"), "--playground", "--playground-port=0", STARTER,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    while b"Painter ready" not in await process.stdout.readline():
        pass

    process.send_signal(signal.SIGINT)
    status = await process.wait()

    assert status == 0
    await until(lambda: not processes_of(folder))


async def test_what_is_loaded_by_the_start_is_not_looked_through_for_garbage_while_it_serves(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    started = "import gc, run_bot; run_bot.main(); print(gc.get_freeze_count(), len(gc.get_objects()))"
    async with open_playground(data=tmp_path_factory.mktemp("discord")) as discord:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", started,
            "--discord.endpoint", discord.url, "--discord.token", discord.token, "--engine.local", "false",
            cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        while b"is online" not in await process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)

        said, _ = await process.communicate()

    settled, looked_through = map(int, said.split()[-2:])
    assert settled > 10 * looked_through


def processes_of(folder: Path) -> list[int]:
    """Ids of processes with this folder in their command line."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or [])]


def test_a_backup_is_one_command_and_its_mistakes_are_one_sentence(folder: Path) -> None:
    assert_one_sentence(run(folder, "backup", "copy.db"), "There is no ledger")
    assert_one_sentence(run(folder, "restore"), "restore is no command")
    assert_one_sentence(run(folder, "backup"), "backup needs")
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        db.execute("CREATE TABLE job (id TEXT)")
    (folder / "data").mkdir()
    (folder / "ledger.db").rename(folder / "data" / "ledger.db")

    ended = run(folder, "backup", "copy.db")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Saved the ledger to copy.db")
    with closing(sqlite3.connect(folder / "copy.db")) as db:
        assert db.execute("SELECT count(*) FROM job").fetchone() == (0,)


async def test_commands_that_an_earlier_program_left_in_a_server_are_removed_on_request(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def named(name: str) -> dict[str, str]:
        return {"name": name, "description": "Old"}

    at_discord = f"/api/v10/applications/{people.APPLICATION_ID}"
    async with open_playground(data=tmp_path_factory.mktemp("discord")) as discord:
        headers = {"Authorization": f"Bot {discord.token}"}
        async with aiohttp.ClientSession(discord.url, headers=headers) as session:
            await session.put(f"{at_discord}/commands", json=[named("imagine")])
            in_server = f"{at_discord}/guilds/{people.GUILD_ID}/commands"
            await session.put(in_server, json=[named("imagine"), named("weather")])

            ended = await asyncio.to_thread(
                run, folder, "clear-commands", people.GUILD_ID,
                "--discord.endpoint", discord.url, "--discord.token", discord.token,
            )  # fmt: skip

            left = [command["name"] for command in await (await session.get(in_server)).json()]
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"Removed from server {people.GUILD_ID}: imagine.\n"
    assert left == ["weather"]


def test_the_mistakes_of_clear_commands_are_one_sentence(folder: Path) -> None:
    assert_one_sentence(run(folder, "clear-commands", "here"), "clear-commands SERVER")
    assert_one_sentence(run(folder, "clear-commands", "1"), "ZIMAGINE_DISCORD__TOKEN")

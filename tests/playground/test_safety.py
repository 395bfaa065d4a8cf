"""Who may talk to the playground, and what it lets a browser do."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from playground import Playground
from tests.playground.guest import MIA, PAINT, at_the_page

ROOT = Path(__file__).parents[2]
SOCKETS = Path("/proc/net/tcp")


@pytest.mark.parametrize("path", ["/", "/page/state?person=" + MIA, "/api/v10/gateway", "/gateway"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8420"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
    ],
)
async def test_a_foreign_host_or_origin_is_refused(playground: Playground, path: str, headers: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session, session.get(playground.url + path, headers=headers) as reply:
        sentence = await reply.text()

    assert reply.status == 403
    assert sentence.startswith("The playground")
    assert sentence.endswith(".")
    assert "\n" not in sentence


async def test_its_own_page_may_talk_to_it(playground: Playground) -> None:
    names = (f"127.0.0.1:{playground.port}", f"localhost:{playground.port}")
    async with aiohttp.ClientSession() as session:
        for name in names:
            headers = {"Host": name, "Origin": f"http://{name}"}
            async with session.get(f"{playground.url}/page/state?person={MIA}", headers=headers) as reply:
                assert reply.status == 200


@pytest.mark.skipif(not SOCKETS.exists(), reason="needs Linux's list of sockets")
async def test_it_listens_on_loopback_only(playground: Playground) -> None:
    listening = await asyncio.to_thread(SOCKETS.read_text)

    assert f" 0100007F:{playground.port:04X} " in listening
    assert f" 00000000:{playground.port:04X} " not in listening


async def test_pages_carry_a_content_security_policy(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session, session.get(playground.url + "/") as reply:
        policy = reply.headers.get("Content-Security-Policy", "")

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "/attachments/1/2/..%2f..%2f..%2fplayground.db"],
)
async def test_files_outside_are_not_served(playground: Playground, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", playground.port)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{playground.port}\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())

    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 404")


async def test_an_attached_page_is_downloaded_and_never_run(playground: Playground) -> None:
    async with at_the_page(playground) as mia:
        await mia.say("look", {"../../evil page.html": b"<script>alert(1)</script>"})
        file = (await mia.messages())[0]["attachments"][0]

        async with mia.session.get(file["url"]) as reply:
            headers = reply.headers

    assert file["filename"] == "evil_page.html"
    assert file["url"].startswith(f"{playground.url}/attachments/{PAINT}/")
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "playground",
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _first_line(process: asyncio.subprocess.Process) -> dict[str, str]:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 20))


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
async def test_the_process_says_where_it_is_and_ends_on_a_signal(tmp_path: Path) -> None:
    process = await _start("--port", "0", "--data", str(tmp_path))
    told = await _first_line(process)

    async with aiohttp.ClientSession() as session, session.get(f"{told['url']}/api/v10/gateway") as reply:
        gateway = await reply.json()
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 20)

    assert gateway == {"url": told["url"].replace("http", "ws") + "/gateway"}
    assert told["token"]
    assert process.returncode == 0
    assert b"Traceback" not in errors


async def test_the_process_ends_with_its_parent_when_asked(tmp_path: Path) -> None:
    process = await _start("--port", "0", "--data", str(tmp_path), "--with-parent")
    await _first_line(process)
    assert process.stdin is not None

    process.stdin.close()
    await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 0


async def test_a_taken_port_is_said_in_one_sentence(playground: Playground, tmp_path: Path) -> None:
    process = await _start("--port", str(playground.port), "--data", str(tmp_path / "other"))

    _, errors = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 2
    assert errors.decode().strip().count("\n") == 0
    assert f"port {playground.port} is in use" in errors.decode()


async def test_an_unwritable_data_folder_is_said_in_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    process = await _start("--port", "0", "--data", str(blocked / "data"))
    _, errors = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 2
    assert errors.decode().strip().count("\n") == 0

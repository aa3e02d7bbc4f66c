"""An ASGI application without a framework: it keeps uploads, gives out private files and holds connections open."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERSION = (HERE / "VERSION").read_text().strip()

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def store(way: str) -> str:
    """Store a file as an application may do it, and return its name below the uploads."""
    media, name = HERE / "media", f"{secrets.token_hex(4)}.txt"
    if way == "moved":
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(way)
        shutil.move(file.name, media / name)
    elif way == "folder":
        (media / "closed").mkdir(mode=0o700, exist_ok=True)
        name = f"closed/{name}"
        (media / name).write_text(way)
    else:
        (media / name).write_text(way)
        (media / name).chmod(0o400)
    return name


async def answer(send: Send, body: str, **headers: str) -> None:
    """Send one answer."""
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    await send({"type": "http.response.body", "body": body.encode()})


async def talk(receive: Receive, send: Send) -> None:
    """Say over a WebSocket which version this is, then return what is said."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": VERSION})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


async def tell(send: Send) -> None:
    """Send the version as an event, again and again."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    while True:
        await send({"type": "http.response.body", "body": f"data: {VERSION}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0.3)


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer by the path."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await talk(receive, send)
    elif scope["path"] == "/api/events":
        await tell(send)
    elif scope["path"].startswith("/api/store/"):
        await answer(send, store(scope["path"].rpartition("/")[2]))
    elif scope["path"] == "/api/invoice":
        (HERE / "private/7.pdf").write_text("an invoice")
        await answer(send, "", x_accel_redirect="/protected/7.pdf", content_type="application/x-invoice")
    else:
        hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
        page = {"version": VERSION, "path": scope["path"], "hosts": hosts, "pid": os.getpid()}
        await answer(send, json.dumps(page), content_type="application/json")

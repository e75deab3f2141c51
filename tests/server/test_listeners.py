"""A whole server on several sockets."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from siprecord.transport import ListenerInfo
from tests.server.test_app import config, running
from tests.support.messages import multipart, request, sdp
from tests.support.patience import PATIENCE
from tests.support.ports import HAS_IPV6, free_port


async def ask(listener: ListenerInfo, call: str) -> str:
    """The final answer to an INVITE, over whatever the listener speaks."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as client:
        client.setblocking(False)
        await loop.sock_connect(client, (listener.host, listener.port))
        await loop.sock_sendall(client, request("INVITE", call, body=multipart(sdp())))
        while (answer := await asyncio.wait_for(loop.sock_recv(client, 65536), PATIENCE)).startswith(
            b"SIP/2.0 1"
        ):
            pass
        tag = re.search(rb"(?m)^To:.*;tag=([^;\r\n]+)", answer)
        assert tag, answer
        await loop.sock_sendall(client, request("ACK", call, to_tag=tag[1].decode()))
        await loop.sock_sendall(client, request("BYE", call, number=2, to_tag=tag[1].decode()))
        assert (await asyncio.wait_for(loop.sock_recv(client, 65536), PATIENCE)).startswith(b"SIP/2.0 200")
    return answer.decode()


async def test_each_listener_advertises_its_own_address_for_sip_and_media(tmp_path: Path) -> None:
    listeners: list[dict[str, Any]] = [
        {"transport": "udp", "host": "127.0.0.1", "port": 0, "advertised_host": "inside.example.com"},
        {"transport": "udp", "host": "127.0.0.2", "port": 0, "advertised_port": 5088},
        {"transport": "tcp", "host": "127.0.0.1", "port": 0},
    ]
    settings = config(tmp_path, sip={"listeners": listeners, "advertised_host": "out.example.com"})
    async with running(settings) as (_, found):
        by_place = {(each.transport, each.host): each for each in found}
        first, second = by_place["udp", "127.0.0.1"], by_place["udp", "127.0.0.2"]
        stream = by_place["tcp", "127.0.0.1"]
        assert f"Contact: <sip:siprecord@inside.example.com:{first.port}>" in await ask(first, "c1")
        assert "Contact: <sip:siprecord@out.example.com:5088>" in await ask(second, "c2")
        assert f"<sip:siprecord@out.example.com:{stream.port};transport=tcp>" in await ask(stream, "c3")


async def test_media_addresses_follow_the_listener(tmp_path: Path) -> None:
    port = free_port()
    listeners: list[dict[str, Any]] = [
        {"transport": "udp", "host": "127.0.0.3", "port": port, "media_address": "198.51.100.9"},
        {"transport": "udp", "host": "127.0.0.4", "port": port},
    ]
    async with running(config(tmp_path, sip={"listeners": listeners})) as (_, found):
        by_host = {each.host: each for each in found}
        assert "c=IN IP4 198.51.100.9" in await ask(by_host["127.0.0.3"], "c1")
        assert "c=IN IP4 127.0.0.1" in await ask(by_host["127.0.0.4"], "c2"), "where media is bound"


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this machine")
async def test_TP_16_an_ipv6_call_from_end_to_end(tmp_path: Path) -> None:
    listeners = [{"transport": kind, "host": "::1", "port": 0} for kind in ("udp", "tcp")]
    settings = config(tmp_path, sip={"listeners": listeners}, media={"bind_address": "::1"})
    async with running(settings) as (_, found):
        for number, listener in enumerate(found):
            answer = await ask(listener, f"six{number}")
            assert f"Contact: <sip:siprecord@[::1]:{listener.port}" in answer
            assert "c=IN IP6 ::1" in answer
            assert "received=::1" in answer
    assert len(list(settings.recordings_dir.rglob("capture.pcapng"))) == 2

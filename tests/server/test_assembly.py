"""The handler with its real parts: sockets, the media engine, files."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from siprecord.aio.tasks import finish, spawn
from siprecord.errors import MediaError
from siprecord.server.assembly import make_engine, make_parts
from siprecord.server.config import Config
from siprecord.server.handler import Handler
from siprecord.server.media_config import MediaConfig
from siprecord.server.recording_config import RecordingConfig
from siprecord.syntax.sdp import parse_sdp
from siprecord.syntax.sip import Response, parse_message
from siprecord.transport import CustomSIPServer
from tests.support.messages import multipart, request, sdp
from tests.support.patience import PATIENCE

RTP = b"\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07" + b"\xd5" * 160


def settings(tmp_path: Path) -> Config:
    return Config(
        data_dir=tmp_path,
        media=MediaConfig(bind_address="127.0.0.1", port_min=21000, port_max=21999, drain_interval_ms=10),
        recording=RecordingConfig(linger_ms=50, min_free_bytes=0),
    )


class Phone:
    """A UDP socket that speaks SIP."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.target = ("127.0.0.1", port)

    async def ask(self, message: bytes) -> Response:
        loop = asyncio.get_running_loop()
        self.socket.sendto(message, self.target)
        while True:
            answer = parse_message(await asyncio.wait_for(loop.sock_recv(self.socket, 65536), PATIENCE))
            if isinstance(answer, Response) and answer.status >= 200:
                return answer


async def test_a_real_call_leaves_a_real_log(tmp_path: Path) -> None:
    closed: asyncio.Future[tuple[str, Path]] = asyncio.get_running_loop().create_future()
    parts = make_parts(settings(tmp_path), lambda name, path: closed.set_result((name, path)))
    handler = Handler(settings(tmp_path), parts=parts)
    server = CustomSIPServer(handler)
    serving = spawn(server.listen_and_serve_udp("127.0.0.1", 0), name="udp")
    (listener,) = await server.wait_listening()
    phone = Phone(listener.port)
    answer = await phone.ask(request("INVITE", "c1", body=multipart(sdp())))
    assert answer.status == 200
    tag = answer.to.tag or ""
    phone.socket.sendto(request("ACK", "c1", to_tag=tag), phone.target)
    for media in parse_sdp(answer.body).media:
        phone.socket.sendto(RTP, ("127.0.0.1", media.port))
    assert (await phone.ask(request("BYE", "c1", number=2, to_tag=tag))).status == 200
    name, path = await asyncio.wait_for(closed, PATIENCE)
    assert path == tmp_path / "spool" / f"{name}.pcapng"
    data = path.read_bytes()
    assert data.count(RTP) == 2
    for word in (
        b"recording.started",
        b"stream.opened",
        b"session.model",
        b"recording.ended",
        b"INVITE sip:",
    ):
        assert word in data
    await finish(serving)
    phone.socket.close()
    assert handler.active == 0


async def test_the_spool_is_made_and_watched(tmp_path: Path) -> None:
    parts = make_parts(settings(tmp_path), lambda name, path: None)
    assert (tmp_path / "spool").is_dir()
    assert list(parts.problems()) == []
    await parts.archive.close()


async def test_a_full_disk_is_a_problem(tmp_path: Path) -> None:
    config = settings(tmp_path)
    recording = config.recording.model_copy(update={"min_free_bytes": 2**62})
    parts = make_parts(config.model_copy(update={"recording": recording}), lambda name, path: None)
    assert "MiB free" in parts.problems()[0]
    await parts.archive.close()


async def test_a_discarded_log_leaves_no_file(tmp_path: Path) -> None:
    parts = make_parts(settings(tmp_path), lambda name, path: None)
    log = parts.archive.create("r1", {})
    assert (tmp_path / "spool" / "r1.pcapng").exists()
    parts.archive.discard("r1", log)
    assert not (tmp_path / "spool" / "r1.pcapng").exists()
    await parts.archive.close()


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77"])
def test_an_address_this_machine_does_not_have_is_told_before_the_first_call(address: str) -> None:
    with pytest.raises(
        MediaError, match=rf"media can't be received on {address}: .*; set media.bind_address"
    ):
        make_engine(MediaConfig(bind_address=address))

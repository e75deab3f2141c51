"""Record SIPREC calls from your own program, and hear them while they run.

    python examples/live_audio.py --port 5060

Then, in another terminal, place a call:

    siprecord call sip:srs@127.0.0.1:5060 --audio alice.wav --audio bob.wav
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from siprecord import Config, CustomSIPServer, Handler, LiveAudio, MediaConfig


def on_audio(audio: LiveAudio) -> None:
    """Called about ten times a second for each stream; this is where a speech-to-text provider goes."""
    who = audio.participant.name if audio.participant else f"stream {audio.label}"
    print(f"{audio.time:%H:%M:%S.%f} {who}: {audio.seconds * 1000:.0f} ms", flush=True)


async def main(port: int, data: Path) -> None:
    config = Config(
        max_concurrent_calls=100, shard_count=32, data_dir=data, media=MediaConfig(bind_address="127.0.0.1")
    )
    handler = Handler(config, stt_callback=on_audio)
    server = CustomSIPServer(handler)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.listen_and_serve_udp("127.0.0.1", port))
        tasks.create_task(server.listen_and_serve_tcp("127.0.0.1", port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=5060)
    parser.add_argument("--data", type=Path, default=Path("siprecord-data"))
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(options.port, options.data))

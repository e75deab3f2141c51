"""`python -m tests.chaos.speech`: a server whose speech-to-text fails or hangs, by stream."""

from __future__ import annotations

import asyncio
import os
import sys

from siprecord.server.app import Application
from siprecord.server.config_file import load_config
from siprecord.server.logs import start_logs
from siprecord.transcribe import LiveAudio


async def on_audio(audio: LiveAudio) -> None:
    """The provider is down in one way or the other."""
    if audio.label == "1":
        raise ConnectionError("the provider is down")
    await asyncio.Event().wait()


async def main() -> None:
    config = load_config(None, os.environ)
    logs = start_logs(config.log, sys.stderr)
    try:
        await Application(config, stt_callback=on_audio).run()
    finally:
        logs.close()


if __name__ == "__main__":
    asyncio.run(main())

"""`make pair`: an operator who has read docs/howto/two-nodes.md, on four fresh Debian machines with systemd.

The commands are the pages' own, taken out of them and run where they say. Root only; needs debootstrap and
systemd-container, some minutes, and the network while the machines are made. Nothing leaves the machines after that.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from machines import LAN, Machine, make_base, run, until

ROOT = Path(__file__).parent.parent
FLOATING = "192.0.2.100"
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)


def commands(page: str, heading: str) -> list[str]:
    """The commands in one part of a page, a line each."""
    text = (ROOT / "docs/howto" / page).read_text().partition(f"\n## {heading}")[2].partition("\n## ")[0]
    if not text:
        raise RuntimeError(f"{page} has no part {heading}")
    return [line for block in BLOCK.findall(text) for line in block.replace("\\\n", "").splitlines()]


def follow(machine: Machine, page: str, heading: str) -> None:
    """Do what this part says. What needs the network was done when the machine was made."""
    for line in commands(page, heading):
        command, _, note = line.strip().partition("      # on ")
        if (not note or note == machine.name) and not needs_network(command):
            machine.sh(command)


def needs_network(command: str) -> bool:
    return command.startswith("apt-get ") or "/pip install " in command


class Pair:
    """The machines of the page's table."""

    def __init__(self, lab: Path) -> None:
        addresses = {"a": 11, "b": 12, "redis": 13, "sbc": 50}
        self.all = {name: Machine(lab, name, f"192.0.2.{last}") for name, last in addresses.items()}
        self.a, self.b, self.redis, self.sbc = self.all.values()
        self.nodes = (self.a, self.b)

    def set_up(self) -> None:
        """The pages from end to end."""
        wheel = max((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
        for machine in self.all.values():
            shutil.copy(wheel, machine.root / "root")
            shutil.copytree(ROOT / "examples", machine.root / "root/examples", dirs_exist_ok=True)
        parts = [
            ("systemd.md", "2. Install"),
            ("two-nodes.md", "3. The address"),
            ("two-nodes.md", "4. The firewall"),
        ]
        for page, part in parts:
            for machine in self.nodes:
                self._prepare(machine, page, part)
        self._prepare(self.redis, "two-nodes.md", "1. Redis")
        self._prepare(self.sbc, "systemd.md", "2. Install")
        for machine in self.all.values():
            machine.boot()
        follow(self.redis, "two-nodes.md", "1. Redis")
        for machine in self.nodes:
            shutil.copy(self.redis.root / "etc/redis/redis.pem", machine.root / "root")
            follow(machine, "systemd.md", "2. Install")
            for part in ("2. The nodes", "3. The address", "4. The firewall"):
                follow(machine, "two-nodes.md", part)
        follow(self.sbc, "systemd.md", "2. Install")

    def _prepare(self, machine: Machine, page: str, part: str) -> None:
        for command in filter(needs_network, map(str.strip, commands(page, part))):
            machine.install(
                f"cd /root; {command}"
                if command.startswith("apt")
                else f"cd /root; python3 -m venv /opt/siprecord; {command}"
            )

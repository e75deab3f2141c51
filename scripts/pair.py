"""`make pair`: an operator who has read docs/howto/two-nodes.md, on four fresh Debian machines with systemd.

The commands are taken out of the pages and run as they stand, where they say. Then calls, and deaths. Root
only; needs the network while the machines are made. The calls stay between the machines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from machines import LAN, Machine, make_base, run, until

ROOT = Path(__file__).parent.parent
LAB = Path(os.environ.get("PAIR", "/tmp/siprecord-pair"))
FLOATING, CALLS = "192.0.2.100", 50
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
INSTALL, REDIS = [("systemd.md", "2. Install")], [("two-nodes.md", "1. Redis")]
ALONE = [*INSTALL, ("systemd.md", "3. Run")]
NODE = [*INSTALL, *(("two-nodes.md", part) for part in ("2. The nodes", "3. The address", "4. The firewall"))]
LOAD = (
    "--calls",
    CALLS,
    "--rate",
    25,
    "--seconds",
    25,
    "--transport",
    "udp,tcp",
    "--json",
    "--i-own-this-target",
)
Load = subprocess.Popen[str]


def commands(page: str, heading: str) -> list[str]:
    """The commands in one part of a page."""
    text = (ROOT / "docs/howto" / page).read_text().partition(f"\n## {heading}")[2].partition("\n## ")[0]
    lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", "").splitlines()]
    if not lines:
        raise RuntimeError(f"{page} has no part {heading}, or no commands in it")
    return [line.strip() for line in lines]


def needs_network(command: str) -> bool:
    """Those are run before the machine is cut off: it has no way out afterwards."""
    return command.startswith(("apt-get ", "python3 -m venv")) or "/pip install " in command


class Pair:
    """The machines of the page's table."""

    def __init__(self) -> None:
        addresses = {"a": 11, "b": 12, "redis": 13, "sbc": 50}
        self.all = [Machine(LAB, name, f"192.0.2.{last}") for name, last in addresses.items()]
        self.a, self.b, self.redis, self.sbc = self.all
        self.commands = 0

    def set_up(self) -> None:
        """The pages from end to end."""
        wheel = max((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
        for machine, pages in zip(self.all, (NODE, NODE, REDIS, ALONE), strict=True):
            shutil.copy(wheel, machine.root / "root")
            shutil.copytree(ROOT / "examples", machine.root / "root/examples")
            self.follow(machine, pages, online=True)
            machine.boot()
        self.follow(self.redis, REDIS)
        self.follow(self.sbc, ALONE)
        for node in (self.a, self.b):
            shutil.copy(self.redis.root / "etc/redis/redis.pem", node.root / "root")
            self.follow(node, NODE)

    def follow(self, machine: Machine, pages: list[tuple[str, str]], *, online: bool = False) -> None:
        """Do what these parts say; `online` only what needs the network, else only the rest."""
        for line in (line for page, part in pages for line in commands(page, part)):
            command, _, note = line.partition("      # on ")
            if note in ("", machine.name) and needs_network(command) is online:
                (machine.install if online else machine.sh)(command)
                self.commands += 1

    @property
    def active(self) -> Machine:
        """The node with the floating address."""
        return self.a if has_address(self.a) else self.b

    def other(self, node: Machine) -> Machine:
        """The one of the two that it is not."""
        return self.b if node is self.a else self.a

    def both_up(self) -> None:
        """Wait until each node knows of two."""
        for node in (self.a, self.b):
            until(
                "two nodes are up",
                lambda node=node: len(re.findall(" up ", node.sh("siprecord cluster"))) == 2,
            )

    def load(self, *more: str | Path) -> Load:
        """Calls from the SBC's address; returns once all are up, and Redis knows of them."""
        siprecord = Path(sys.executable).parent / "siprecord"
        command = self.sbc.on_its_network(siprecord, "bench", f"sip:{FLOATING}", *map(str, LOAD), *more)
        node, load = self.active, subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

        def known() -> int:
            cluster: dict[str, int] = json.loads(node.sh("siprecord status --json"))["cluster"]
            return cluster["calls"]

        until(f"{CALLS} calls are up", lambda: known() == CALLS, 25.0)
        return load

    def checked(self, node: Machine) -> Load:
        """The same, and each packet is compared afterwards."""
        return self.load("--verify", "--data", node.root / "var/lib/siprecord")


def has_address(node: Machine) -> bool:
    return bool(node.pid) and FLOATING in node.sh("ip -br addr show eth0 up", check=False)


def all_stored(load: Load) -> str:
    """Every packet, and once."""
    found = json.loads(load.communicate(timeout=120)[0])
    faults = {name: found[f"packets_{name}"] for name in ("lost", "surplus", "foreign", "damaged")}
    if found["calls_failed"] or any(faults.values()):
        raise RuntimeError(f"{found['calls_failed']} calls failed; packets: {faults}")
    return f"{found['calls']} calls, {found['packets_sent']} packets sent, each stored once"


def gone_on(load: Load, node: Machine, cause: str) -> str:
    """All calls were answered to their end, and go on at this node in linked recordings."""
    report = json.loads(load.communicate(timeout=120)[0])
    failed = report["calls_failed"] + report["byes_failed"]

    def gaps() -> list[float]:
        found = (node.root / "var/lib/siprecord/recordings").rglob("metadata.json")
        ended = [row for row in map(json.loads, map(Path.read_text, found)) if row["outcome"] == "complete"]
        links = [row["continues"] for row in ended if row.get("continues")]
        return sorted(link["gap_s"] for link in links if link["cause"] == cause)

    what = f"{CALLS} recordings at {node.name} go on after {cause} until the client hung up"
    until(what, lambda: len(gaps()) == CALLS)
    if failed or not has_address(node):
        raise RuntimeError(f"{failed} calls failed; {node.name} has the address: {has_address(node)}")
    return f"{CALLS} calls go on at {node.name}, none failed, gaps of {gaps()[0]:.1f} to {gaps()[-1]:.1f} s"


def kill_keeper(node: Machine) -> None:
    node.sh("kill -9 $(systemctl show siprecord -p MainPID --value)")


def pages(pair: Pair) -> str:
    pair.both_up()
    return f"{pair.commands} commands, none failed; `siprecord cluster` shows two nodes up"


def firewalls(pair: Pair) -> str:
    for machine, port in ((pair.redis, 6379), (pair.a, 8080), (pair.b, 8080)):
        probe = f"timeout 2 bash -c '> /dev/tcp/{machine.address}/{port}' 2>&- && echo open || echo no"
        if pair.sbc.sh(probe) != "no":
            raise RuntimeError(f"{machine.name}:{port} is open to the SBC")
    return "the SBC reaches neither Redis nor the nodes' HTTP"


def recorder_killed(pair: Pair) -> str:
    load = pair.checked(pair.active)
    pair.active.sh("pkill -9 -f '^[^ ]*python3 -P -m siprecord.server.recorder'")
    return all_stored(load)


def holder_killed(pair: Pair) -> str:
    load = pair.checked(pair.active)
    kill_keeper(pair.active)
    return all_stored(load)


def both_killed(pair: Pair) -> str:
    load, node = pair.load(), pair.active
    node.sh("systemctl kill -s KILL siprecord")
    return gone_on(load, node, "restart")


def power_cut(pair: Pair) -> str:
    load, dead = pair.load(), pair.active
    other = pair.other(dead)
    dead.power_off()
    took = until("the address has moved", lambda: has_address(other))
    said = gone_on(load, other, "failover")
    dead.boot()
    pair.both_up()
    if not has_address(other):
        raise RuntimeError("the address went back")
    return f"the address moved in {took:.1f} s, {said}; {dead.name} booted and is up, the address stayed"


def cable_pulled(pair: Pair) -> str:
    load, cut = pair.load(), pair.active
    cut.plug(False)
    try:
        said = gone_on(load, pair.other(cut), "failover")
    finally:
        cut.plug(True)
    pair.both_up()
    return said


def kept_by_systemd(pair: Pair) -> str:
    node = pair.active
    for line in commands("systemd.md", "systemd instead of the holder"):
        node.sh(line)
    load = pair.checked(node)
    for _ in range(2):
        kill_keeper(node)
        time.sleep(7)
    node.sh("systemctl reload siprecord; siprecord upgrade; siprecord status | grep 'kept by systemd'")
    return f"two kill -9, a reload and an upgrade: {all_stored(load)}"


PROOFS = (
    pages,
    firewalls,
    recorder_killed,
    holder_killed,
    both_killed,
    power_cut,
    cable_pulled,
    kept_by_systemd,
)


def main() -> int:
    """One line for each promise; 1 when one does not hold."""
    LAB.mkdir(parents=True, exist_ok=True)
    print("== making four machines (some minutes)", flush=True)
    make_base(LAB)
    pair, failed = Pair(), 0
    try:
        pair.set_up()
        until("a has the address", lambda: has_address(pair.a))
        for prove in PROOFS:
            name = prove.__name__.replace("_", " ")
            try:
                print(f"ok      {name:<16} {prove(pair)}", flush=True)
            except RuntimeError as error:
                failed += 1
                print(f"FAILED  {name:<16} {error}", flush=True)
    finally:
        for machine in pair.all:
            machine.remove()
        run("ip", "netns", "del", LAN)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())

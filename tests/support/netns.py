"""Machines of their own on one network, as network namespaces: nobody else's network is touched."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
SECONDS = 20
CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def unavailable() -> str:
    """Why there can be no namespaces here; "" when there can."""
    if IP is None:
        return "ip is not installed; run scripts/packages.sh"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"sr{os.getpid()}x"
    made = subprocess.run([IP, "netns", "add", name], capture_output=True, text=True, timeout=SECONDS)
    if made.returncode:
        return f"this machine gives no network namespace: {made.stderr.strip()}"
    subprocess.run([IP, "netns", "del", name], capture_output=True, timeout=SECONDS, check=False)
    return ""


@dataclass
class Network:
    """A bridge in a namespace of its own, at `PREFIX.1`, and machines on it by name."""

    prefix: str = "10.99.0"
    tag: str = field(default_factory=lambda: f"sr{os.getpid()}")
    machines: dict[str, str] = field(default_factory=dict)
    """Address by name."""

    def start(self, **machines: int) -> Network:
        """Add the bridge, and a machine for each name with the last number of its address."""
        try:
            self._build(machines)
        except BaseException:
            self.stop()
            raise
        return self

    def _build(self, machines: dict[str, int]) -> None:
        self._add("net")
        self._run("net", "ip link add name br0 type bridge")
        self._run("net", f"ip addr add {self.prefix}.1/24 dev br0")
        self._run("net", "ip link set br0 up")
        for name, number in machines.items():
            self._add(name)
            self.machines[name] = f"{self.prefix}.{number}"
            self._run("net", f"ip link add name to-{name} type veth peer name eth0 netns {self._name(name)}")
            self._run("net", f"ip link set dev to-{name} master br0 up")
            self._run(name, f"ip addr add {self.machines[name]}/24 dev eth0")
            self._run(name, "ip link set eth0 up")

    def add(self, name: str) -> None:
        """A machine that is on no network."""
        self._add(name)
        self.machines[name] = ""

    def stop(self) -> None:
        """Take all of it away; its processes must have ended."""
        for name in ("net", *self.machines):
            subprocess.run(
                [str(IP), "netns", "del", self._name(name)], capture_output=True, timeout=SECONDS, check=False
            )

    def inside(self, machine: str, command: Sequence[str]) -> list[str]:
        """The command as it runs on that machine."""
        return [str(IP), "netns", "exec", self._name(machine), *command]

    def within(self, machine: str, work: Callable[[], T]) -> T:
        """The result of `work`, done on a thread that is on that machine."""

        def enter() -> T:
            with Path(f"/run/netns/{self._name(machine)}").open() as place:
                if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            return work()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(enter).result()

    def cable(self, machine: str, *, plugged: bool) -> None:
        """Pull its cable, or put it back."""
        self._run("net", f"ip link set dev to-{machine} {'up' if plugged else 'down'}")

    def give(self, machine: str, address: str, *others: str) -> None:
        """Give it a further address; `others` forget where that was, as a gratuitous ARP makes them."""
        self._run(machine, f"ip addr add {address}/32 dev eth0")
        for other in others:
            self._run(other, "ip neigh flush dev eth0")

    def take(self, machine: str, address: str) -> None:
        """Take that address away."""
        self._run(machine, f"ip addr del {address}/32 dev eth0")

    def _add(self, name: str) -> None:
        subprocess.run([str(IP), "netns", "add", self._name(name)], check=True, timeout=SECONDS)
        self._run(name, "ip link set lo up")

    def _run(self, machine: str, command: str) -> None:
        done = subprocess.run(
            self.inside(machine, command.split()), capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def _name(self, machine: str) -> str:
        return f"{self.tag}-{machine}"

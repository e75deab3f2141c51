"""Fresh Debian machines with a real systemd: trees made by debootstrap, booted by systemd-nspawn, on a bridge of
their own in a network namespace that leads nowhere. Root only; everything is below one directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LAN = "siprecord-pair"
"""The network namespace with the bridge."""
BOOT_SECONDS = 60.0
CGROUPS = [
    p
    for p in map(Path("/sys/fs/cgroup").joinpath, ("", "systemd", "unified"))
    if (p / "cgroup.procs").exists()
]
"""Of one kind, or of both."""
BOOT = """
for each in {cgroups}; do mkdir -p $each; echo $$ > $each/cgroup.procs; done
mount -t tmpfs tmpfs /run && mkdir /run/systemd
exec systemd-nspawn --quiet --register=no --keep-unit --directory={root} --machine={name} --hostname={name} \\
    --network-veth-extra=v{name}:eth0 --resolv-conf=off --link-journal=no --console=pipe --boot
"""
NETWORK = "[Match]\nName=eth0\n[Network]\nAddress={address}/24\nConfigureWithoutCarrier=yes\nLinkLocalAddressing=no\n"


def run(*command: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    """Run, and fail with what it said."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done


def until(what: str, holds: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


class Machine:
    """One machine; its disk is an overlay over the base tree, so that it is fresh."""

    def __init__(self, lab: Path, name: str, address: str) -> None:
        self.name, self.address, self.root = name, address, lab / name / "root"
        self._cgroups = [one / f"siprecord-{name}" for one in CGROUPS]
        self._log = lab / name / "console.log"
        self._boot: subprocess.Popen[bytes] | None = None
        parts = [lab / name / part for part in ("upper", "work", "root")]
        for part in parts:
            part.mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={lab / 'base'},upperdir={parts[0]},workdir={parts[1]}"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        network = self.root / "etc/systemd/network/eth0.network"
        network.write_text(NETWORK.format(address=address))
        (self.root / "etc/hostname").write_text(f"{name}\n")
        run("systemctl", f"--root={self.root}", "enable", "--quiet", "systemd-networkd")

    def install(self, command: str) -> None:
        """Before it boots: a command that needs the network, with this machine's own settings for it."""
        run(
            "chroot",
            self.root,
            "sh",
            "-c",
            command,
            cwd="/",
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )

    def boot(self) -> None:
        """Switch on, and wait until systemd has started all."""
        script = BOOT.format(cgroups=" ".join(map(str, self._cgroups)), root=self.root, name=self.name)
        with self._log.open("ab") as log:
            self._boot = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{LAN}", "unshare", "--mount", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(
            f"{self.name} is there",
            lambda: self.pid and (Path("/proc") / self.pid / "comm").read_text() == "systemd\n",
        )
        self.plug(True)
        until(
            f"{self.name} has booted",
            lambda: self.sh("systemctl is-system-running", check=False).strip() in ("running", "degraded"),
        )

    @property
    def pid(self) -> str:
        """Its process 1, as the host sees it; empty when it is off."""
        if self._boot is None or self._boot.poll() is not None:
            return ""
        children = (Path("/proc") / f"{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        return children[-1] if children else ""

    def plug(self, inside: bool) -> None:
        """Put the cable in, or pull it out."""
        port = ("ip", "-n", LAN, "link", "set", f"v{self.name}")
        run(*port, *(("master", "lan", "up") if inside else ("nomaster", "down")))

    def sh(self, command: str, *, check: bool = True, cwd: str = "/root") -> str:
        """Run in a shell of root there; what it wrote."""
        enter = [
            "nsenter",
            "--target",
            self.pid,
            "--all",
            f"--wdns={cwd}",
            "env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        done = subprocess.run(
            [*enter, "bash", "-ec", command], text=True, capture_output=True, check=False, timeout=120
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def outside(self, *command: str | Path) -> list[str]:
        """A command of the host's, on this machine's network."""
        return ["nsenter", "--target", self.pid, "--net", *map(str, command)]

    def power_off(self) -> None:
        """Pull the plug: nothing is written, nothing is said."""
        if self._boot is not None:
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(self.pid), signal.SIGKILL)
            self._boot.wait(30)
            self._boot = None

    def remove(self) -> None:
        """Leave nothing but the files."""
        self.power_off()
        subprocess.run(["umount", self.root], check=False)
        for top in self._cgroups:
            for group, _, _ in os.walk(top, topdown=False):
                os.rmdir(group)

"""Fresh Debian machines with a real systemd, for `make pair`. Root only.

Trees made by debootstrap, booted by systemd-nspawn, on a bridge of their own in a network namespace that
leads nowhere. Everything is below one directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

LAN = "siprecord-pair"
"""The network namespace with the bridge."""
PACKAGES = "systemd,systemd-sysv,dbus,iproute2,ca-certificates,procps"
HOSTS_OWN = ("etc/resolv.conf", "etc/pip.conf", "usr/local/share/ca-certificates", "etc/apt/apt.conf.d")
"""What the machines need of this host to install packages as it does."""
CGROUPS = [
    path
    for path in map(Path("/sys/fs/cgroup").joinpath, ("", "systemd", "unified"))
    if (path / "cgroup.procs").exists()
]
"""Of one kind, or of both."""
BOOT = """
for each in {cgroups}; do mkdir -p $each; echo $$ > $each/cgroup.procs; done
mount -t tmpfs tmpfs /run && mkdir /run/systemd
exec systemd-nspawn --quiet --register=no --keep-unit --directory={root} --machine={name} --hostname={name} \\
    --network-veth-extra=v{name}:eth0 --resolv-conf=off --link-journal=no --console=pipe --boot
"""
NETWORK = (
    "[Match]\nName=eth0\n[Network]\nAddress={}/24\nConfigureWithoutCarrier=yes\nLinkLocalAddressing=no\n"
)
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*command: str | Path) -> str:
    """What it printed; fails with what it said."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def until(what: str, holds: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


def make_base(lab: Path) -> None:
    """The tree that all machines begin with, kept for the next time; and the network between them."""
    base = lab / "base"
    if not (lab / "base.made").exists():
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", base)
        for path in filter(lambda path: (Path("/") / path).exists(), HOSTS_OWN):
            (base / path).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-rL", f"/{path}", (base / path).parent)
        run("chroot", base, "update-ca-certificates")
        run("chroot", base, "apt-get", "update", "-qq")
        (lab / "base.made").touch()
    run("ip", "netns", "add", LAN)
    run("ip", "-n", LAN, "link", "add", "lan", "type", "bridge")
    run("ip", "-n", LAN, "link", "set", "lan", "up")


class Machine:
    """One machine; its disk is an overlay over the base tree, so that it is fresh."""

    def __init__(self, lab: Path, name: str, address: str) -> None:
        self.name, self.address, self.root = name, address, lab / name / "root"
        self._cgroups = [one / f"siprecord-{name}" for one in CGROUPS]
        self._log = lab / name / "console.log"
        self._boot: subprocess.Popen[bytes] | None = None
        upper, work = lab / name / "upper", lab / name / "work"
        for part in (upper, work, self.root):
            part.mkdir(parents=True)
        options = f"lowerdir={lab / 'base'},upperdir={upper},workdir={work}"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        (self.root / "etc/systemd/network/eth0.network").write_text(NETWORK.format(address))
        run("systemctl", f"--root={self.root}", "enable", "--quiet", "systemd-networkd")

    def install(self, command: str) -> None:
        """Before it boots: a command that needs the network, for which it has that of this host."""
        run("chroot", self.root, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", f"cd /root; {command}")

    def boot(self) -> None:
        """Switch on, and wait until systemd has started all."""
        script = BOOT.format(cgroups=" ".join(map(str, self._cgroups)), root=self.root, name=self.name)
        with self._log.open("ab") as log:
            enter = ["nsenter", f"--net=/run/netns/{LAN}", "unshare", "--mount", "sh", "-c", script]
            self._boot = subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(f"{self.name} is there", self._has_begun)
        self.plug(True)
        until(
            f"{self.name} has booted",
            lambda: self.sh("systemctl is-system-running", check=False) == "running",
        )

    def _has_begun(self) -> bool:
        return bool(self.pid) and (Path("/proc") / self.pid / "comm").read_text() == "systemd\n"

    @property
    def pid(self) -> str:
        """Its process 1, as the host sees it; empty when it is off."""
        if self._boot is None or self._boot.poll() is not None:
            return ""
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        return children[-1] if children else ""

    def plug(self, inside: bool) -> None:
        """Put the cable in, or pull it out."""
        port = ("ip", "-n", LAN, "link", "set", f"v{self.name}")
        run(*port, *(("master", "lan", "up") if inside else ("nomaster", "down")))

    def sh(self, command: str, *, check: bool = True) -> str:
        """Run in a shell of root there; what it wrote."""
        enter = ["nsenter", f"--target={self.pid}", "--all", "--wdns=/root", "env", "-i", f"PATH={PATH}"]
        done = subprocess.run([*enter, "bash", "-ec", command], text=True, capture_output=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {command}\n{done.stdout}{done.stderr}")
        return (done.stdout + done.stderr).strip()

    def on_its_network(self, *command: str | Path) -> list[str]:
        """A command of the host's, to be run with this machine's network."""
        return ["nsenter", f"--target={self.pid}", "--net", *map(str, command)]

    def power_off(self) -> None:
        """Pull the plug: nothing is written, nothing is said."""
        if self._boot is not None:
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(self.pid), signal.SIGKILL)
            self._boot.wait(30)
            self._boot = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.power_off()
        run("umount", "--lazy", self.root)  # what an interrupted command left may still use it
        shutil.rmtree(self.root.parent)
        for top in self._cgroups:
            for group, _, _ in os.walk(top, topdown=False):
                Path(group).rmdir()

"""What of Linux's namespaces this machine allows, and the launcher that uses it.

The launcher is a shell under `unshare`: bare Python takes 20 ms to start, this takes 8. It stays as process 1 of the
container: it reaps orphans, and SIGTERM leaves it alone, so that the container's own processes decide how they end.

Where namespaces are refused, the container shares the machine's view of files: `SAGEMAKER_BASE_DIR` then says where
its /opt/ml lies, as AWS's own toolkits understand it.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sageyard.runners.base import RunRequest

ML = Path("/opt/ml")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Standard input is the leash: its other end is held by the server alone, so it ends with the server, even on
# kill -9, and takes the whole process group along.
LEASH = """\
exec 3<&0 </dev/null
(trap '' TERM; read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
leash=$!
exec 3<&-
trap : TERM
"""
MOUNTS = """\
{ echo "$1" >/proc/sys/kernel/hostname; } 2>/dev/null || hostname "$1" 2>/dev/null || true
"$2" -a -T "$3" || { echo "cannot give this container its own /opt/ml" >&2; exit 125; }
shift 3
"""
LOOPBACK = """\
{python} -I -S -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14s", b"lo", 1, b""))' || exit 125
"""
RUN = """\
cd "$1" && shift
"$@"
code=$?
kill -KILL "$leash" && wait "$leash" 2>/dev/null
exit "$code"
"""

# Without it, root's right to write to read-only files would reach the objects that channels link to.
KEEP_READ_ONLY = ("--bounding-set", "-dac_override", "--")


@dataclass(frozen=True, slots=True)
class Confinement:
    """What was found to work here."""

    unshare: tuple[str, ...] = ()
    """`unshare` with its options; empty where there are no namespaces."""
    mount: str = ""
    setpriv: tuple[str, ...] = ()
    isolates_network: bool = False

    @property
    def has_mounts(self) -> bool:
        """The container sees its root as /opt/ml and has processes of its own."""
        return bool(self.unshare)

    def seen_root(self, request: RunRequest) -> Path:
        """Where the container finds `request.root`."""
        return ML if self.has_mounts else request.root

    def launcher(self, request: RunRequest, stage: Path, command: list[str]) -> list[str]:
        """The command line that runs `command` confined; files that it needs are written to the empty `stage`,
        a folder below `request.root`."""
        seen = str(self.seen_root(request))
        if not self.has_mounts:
            return ["/bin/sh", "-c", LEASH + RUN, "sh", seen, *self.setpriv, *command]
        hosts, table = stage / "hosts", stage / "fstab"
        hosts.write_text(_hosts_file(request))
        table.write_text(_mount_table(request.root, stage / "opt", hosts))
        alone = len(request.hosts) < 2 and not request.serves
        isolated = not request.network and self.isolates_network and alone
        script = LEASH + MOUNTS + (LOOPBACK.format(python=shlex.quote(sys.executable)) if isolated else "") + RUN
        arguments = [request.hostname, self.mount, str(table), seen, *self.setpriv, *command]
        return [*self.unshare, *(["--net"] if isolated else []), "/bin/sh", "-c", script, "sh", *arguments]


def _hosts_file(request: RunRequest) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    hosts = request.hosts or {request.hostname: "127.0.0.1"}
    system = Path("/etc/hosts").read_text() if request.network else ""
    return "\n".join([*lines, *(f"{address} {name}" for name, address in hosts.items()), system])


def _mount_table(root: Path, stage: Path, hosts: Path) -> str:
    """Mounts in fstab form, which one `mount` makes all at once.

    Where the machine has no /opt/ml, a new /opt is put together from what lies in /opt, and `ml`.
    """
    entries = [(str(hosts), "/etc/hosts", "none", "bind")]
    if ML.is_dir():
        entries.append((str(root), str(ML), "none", "bind"))
    else:
        stage.mkdir()
        entries.append(("tmpfs", str(stage), "tmpfs", "mode=755,size=1m"))
        names = sorted(path.name for path in ML.parent.iterdir() if path.is_dir())
        entries += [(f"{ML.parent}/{name}", f"{stage}/{name}", "none", "rbind,X-mount.mkdir") for name in names]
        entries.append((str(root), f"{stage}/ml", "none", "bind,X-mount.mkdir"))
        entries.append((str(stage), str(ML.parent), "none", "rbind"))
    return "".join(f"{_field(source)} {_field(target)} {kind} {how} 0 0\n" for source, target, kind, how in entries)


def _field(text: str) -> str:
    """fstab(5) writes blanks and backslashes in octal."""
    return text.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")


@cache
def detect() -> Confinement:
    """Try what this machine allows, once: with a real mount, as the user that runs the server."""
    unshare, mount, setpriv = (shutil.which(name, path=SYSTEM_PATH) for name in ("unshare", "mount", "setpriv"))
    read_only = (setpriv, *KEEP_READ_ONLY) if setpriv else ()
    if unshare and mount and sys.platform == "linux":
        base = (unshare, "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        for options in (base, (*base, "--user", "--map-root-user")):
            if not _works(Confinement(options, mount)):
                continue
            found = Confinement(options, mount, read_only if _works(Confinement(options, mount, read_only)) else ())
            isolated = Confinement(options, mount, found.setpriv, isolates_network=True)
            return isolated if _works(isolated, network=False) else found
    plain = Confinement(setpriv=read_only)
    return plain if os.geteuid() == 0 and read_only and _works(plain) else Confinement()


def _works(confinement: Confinement, *, network: bool = True) -> bool:
    with TemporaryDirectory(prefix="sageyard-probe-") as folder:
        root = Path(folder)
        (root / "probe").touch()
        (root / "stage").mkdir()
        request = RunRequest("probe", "probe", root, network=network)
        command = confinement.launcher(
            request, root / "stage", ["test", "-f", f"{confinement.seen_root(request)}/probe"]
        )
        reader, writer = os.pipe()
        try:
            done = subprocess.run(
                command,
                stdin=reader,
                capture_output=True,
                timeout=10,
                env={"PATH": SYSTEM_PATH},
                start_new_session=True,  # the leash ends its whole process group, which must not be the server's
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        finally:
            os.close(reader)
            os.close(writer)
        return done.returncode == 0

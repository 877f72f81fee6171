"""A throw-away SLURM on this machine: no systemd, cgroups, GPU or root needed.

    python tests/slurm/cluster.py COMMAND...    run a command inside it, then stop it

Debian has the packages slurmctld, slurmd, slurm-client and munge. Two nodes run side by side here: c1 in the partition
`cpu` (the default), g1 in `gpu` with two pretended GPUs. A job in the partition `urgent` preempts those of `cpu`. The
nodes claim more than the machine has; nothing is shared out for real, but memory limits are watched.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "setpriv")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
{communication}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
# Nothing below may need systemd, cgroups or mail.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
# Without cgroups, memory is sampled every second and what is over its limit is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# Cores and memory are given out singly; a job that names no memory must not take the node.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
# The defaults hold every job back for up to 3 s.
SchedulerParameters=batch_sched_delay=0,sched_min_interval=10000,sched_interval=1,bf_interval=1
# How long squeue remembers the jobs that ended, s.
MinJobAge={min_job_age}
ReturnToService=2
KillWait=3
# A job of a partition with a higher tier puts back the jobs whose place it needs.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
# Nodes may claim more than the machine has.
SlurmdParameters=config_overrides
NodeName=c1 NodeAddr=127.0.0.1 NodeHostname=localhost Port={cpu_port} CPUs=8 RealMemory=32000
NodeName=g1 NodeAddr=127.0.0.1 NodeHostname=localhost Port={gpu_port} CPUs=16 RealMemory=32000 Gres=gpu:test:2
PartitionName=cpu Nodes=c1 Default=YES DefaultTime=60
PartitionName=gpu Nodes=g1 DefaultTime=60
PartitionName=urgent Nodes=c1 DefaultTime=60 PriorityTier=2
"""


@contextlib.contextmanager
def cluster(seconds: float = 120, min_job_age: int = 86400) -> Iterator[dict[str, str]]:
    """Start it, yield the environment in which SLURM's commands find it, stop it with all its jobs.

    Parameters
    ----------
    seconds: how long to wait for the nodes.
    min_job_age: how long SLURM remembers a job that ended, s.

    Raises
    ------
    RuntimeError: it did not start; the message holds what its logs say.
    """
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, contextlib.ExitStack() as started:
        folder = Path(name)
        environment = _configure(folder, min_job_age)
        started.callback(_kill_left, folder)
        deadline = time.monotonic() + seconds

        def run(name: str, *command: str) -> None:
            log = started.enter_context((folder / f"{name}.log").open("wb"))
            # The daemons stay in the foreground and end with this process, however it ends.
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command], env=environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            started.callback(_stop, process)

        def wait(what: str, reached: Callable[[], bool]) -> None:
            while not reached():
                if time.monotonic() > deadline:
                    logs = "\n".join(f"== {file.name}\n{file.read_text()[-800:]}" for file in folder.glob("*.log"))
                    raise RuntimeError(f"{what} did not come up\n{logs}")
                time.sleep(0.1)

        def said(*command: str) -> str:
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20).stdout

        socket_file = folder / "munge.socket"
        run(
            "munged", "munged", "--foreground", f"--key-file={folder}/munge.key", f"--socket={socket_file}",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        wait("munged", socket_file.exists)
        run("slurmctld", "slurmctld", "-D", "-c")
        wait("slurmctld", lambda: " is UP" in said("scontrol", "ping"))
        for node in ("c1", "g1"):
            run(f"slurmd-{node}", "slurmd", "-D", "-N", node)
        wait("a node", lambda: set(said("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"})
        try:
            yield environment
        finally:
            # The steps of running jobs would outlive slurmd.
            said("scancel", f"--user={environment['USER']}")
            with contextlib.suppress(RuntimeError):
                deadline = time.monotonic() + 10
                wait("an empty queue", lambda: not said("squeue", "-h"))


def _configure(folder: Path, min_job_age: int) -> dict[str, str]:
    """Write the configuration; returns the environment of everything that talks to the cluster."""
    folder.chmod(0o755)
    for name in ("state", "spool-c1", "spool-g1", "bin"):
        (folder / name).mkdir()
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    port, cpu_port, gpu_port = _free_ports(3)
    configuration = SLURM_CONF.format(
        folder=folder,
        user=user,
        port=port,
        cpu_port=cpu_port,
        gpu_port=gpu_port,
        min_job_age=min_job_age,
        communication=_communication(),
    )
    (folder / "slurm.conf").write_text(configuration)
    # slurmd looks for control groups unless a version is named that it does not look for.
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    # A GPU has to be a character device; a link to one does.
    for number in range(2):
        (folder / f"gpu{number}").symlink_to(os.devnull)
    (folder / "gres.conf").write_text(f"NodeName=g1 Name=gpu Type=test File={folder}/gpu[0-1]\n")
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    # Snakemake's job step drops SLURM_CONF before it calls srun, which then would not find the cluster.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"], "/usr/sbin", "/sbin"])
    return {**os.environ, "SLURM_CONF": f"{folder}/slurm.conf", "PATH": path, "USER": user}


def _communication() -> str:
    """Bind to 127.0.0.1 alone where the host's name means that address; srun cannot answer otherwise."""
    options = []
    with contextlib.suppress(OSError):
        if socket.gethostbyname(socket.gethostname()) == "127.0.0.1":
            options += ["NoCtldInAddrAny", "NoInAddrAny"]
    try:
        socket.getaddrinfo("127.0.0.1", None, socket.AF_INET, flags=socket.AI_ADDRCONFIG)
    except OSError:  # no address but 127.*: SLURM's own look-up needs this then
        options.append("EnableIPv6")
    return f"CommunicationParameters={','.join(options)}" if options else ""


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kill_left(folder: Path) -> None:
    """Kill the jobs that SLURM lost, as those of a node that was down: their environment names the folder."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if int(environ.parent.name) != os.getpid() and os.fsencode(folder) in environ.read_bytes():
                os.kill(int(environ.parent.name), signal.SIGKILL)


def controller(environment: Mapping[str, str]) -> int:
    """The process of slurmctld."""
    return int(Path(environment["SLURM_CONF"]).with_name("slurmctld.pid").read_text())


def missing(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The programs that have to be installed first."""
    path = os.pathsep.join([environment["PATH"], "/usr/sbin", "/sbin"])
    return [program for program in PROGRAMS if not shutil.which(program, path=path)]


def main(command: Sequence[str]) -> int:
    if absent := missing():
        print(f"{', '.join(absent)} not found: apt install slurmctld slurmd slurm-client munge", file=sys.stderr)
        return 2
    with cluster() as environment:
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

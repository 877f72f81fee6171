"""How much of a machine decoding takes: spectra at a time by the memory, batches side by side by the cores."""

import os
from pathlib import Path

import torch

from spectus.denovo.modeling import SpectusConfig

CPU_BATCH = 16  # spectra; from 8 on, more gain nothing on two cores (benchmarks/decoding.py)
WIDE = 512  # from this model width on, products take most of the time, and cores are faster together at one
_PLENTY = 1 << 40  # bytes, where the system does not say
_MEMORY_SHARE = 0.5  # of the free memory that the token and peak caches may take


def fitting_batch(config: SpectusConfig, device: torch.device, dtype: torch.dtype, beams: int) -> int:
    """Spectra whose caches fit into a share of the free memory; no more than `CPU_BATCH` on a CPU."""
    # Beams share most of their past: of the beams x length slots, less than half are ever held.
    slots = config.max_peaks + max(1, beams // 2) * config.max_length
    per_spectrum = slots * config.decoder_layers * config.d_model * 2 * dtype.itemsize
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    most = max(1, int(_MEMORY_SHARE * free / per_spectrum))
    return min(CPU_BATCH, most) if device.type == "cpu" else most


def free_memory() -> int:
    """Bytes that this process may still take, by the kernel and by its control group (a batch job's limit)."""
    free = _PLENTY
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        available = [line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")]
        free = int(available[0].split()[1]) * 1024 if available else free
    for group in _control_groups():
        try:
            limit, used = (group / "memory.max").read_text().strip(), int((group / "memory.current").read_text())
        except (OSError, ValueError):
            continue
        if limit.isdigit():
            free = min(free, int(limit) - used)
    return max(free, 0)


def _control_groups() -> list[Path]:
    """Folders of this process's control group (version 2) and those above it."""
    try:
        entries = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    own = [Path("/sys/fs/cgroup" + entry[3:]) for entry in entries if entry.startswith("0::")]
    return [folder for path in own for folder in (path, *path.parents) if len(folder.parts) > 3 or folder == path]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory; on a CPU it says so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def usable_cores() -> int:
    """CPU cores that this process may use, fewer if OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(told)) if told.isdigit() and int(told) else allowed


def batches_side_by_side(config: SpectusConfig, device: torch.device) -> int:
    """How many batches are best decoded at the same time, each by its share of the cores."""
    return usable_cores() if device.type == "cpu" and config.d_model < WIDE else 1

"""How much of a machine decoding takes: spectra at a time by the memory, batches side by side by the cores."""

import os
from pathlib import Path

import torch

from spectus.denovo.modeling import SpectusNetworkConfig

CPU_BATCH = 16
"""Spectra decoded together on a CPU, at most. Measured with benchmarks/decoding.py on two cores: from 8 on, more gain
nothing."""

WIDE = 512
"""Model width from which on one batch on all cores is faster than one batch on each. Chosen between the two sizes that
benchmarks/decoding.py measured, 192 and 1,024: the wider the model, the larger the share of its matrix products."""

_UNLIMITED = 1 << 40  # bytes, where the system does not say
_MEMORY_SHARE = 0.5  # of the free memory that the token and peak caches may take; chosen: the rest is for the products
_KIB = 1024  # bytes in the unit of /proc/meminfo


def fitting_batch(config: SpectusNetworkConfig, device: torch.device, dtype: torch.dtype, beams: int) -> int:
    """Return how many spectra are decoded together.

    Parameters
    ----------
    config
        Sizes of the model.
    device
        Where it decodes.
    dtype
        Number format of the caches.
    beams
        Beams of a spectrum.

    Returns
    -------
    int
        Spectra whose caches fit into half of the free memory, at least 1; on a CPU at most `CPU_BATCH`.
    """
    # Beams share most of their past: of the beams x length slots, less than half are ever held.
    slots = config.max_peaks + max(1, beams // 2) * config.max_length
    per_spectrum = slots * config.decoder_layers * config.d_model * 2 * dtype.itemsize
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    most = max(1, int(_MEMORY_SHARE * free / per_spectrum))
    return min(CPU_BATCH, most) if device.type == "cpu" else most


def free_memory() -> int:
    """Return the bytes that this process may still take, by the kernel and by its control group (a job's limit)."""
    free = _UNLIMITED
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        available = [line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")]
        free = int(available[0].split()[1]) * _KIB if available else free
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
    """Say whether torch failed for lack of memory; on a CPU only the text of the error says so.

    Parameters
    ----------
    error
        What torch raised.
    """
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def usable_cores() -> int:
    """Return the CPU cores that this process may use, fewer if OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(told)) if told.isdigit() and int(told) else allowed


def decodes_on_one_core(config: SpectusNetworkConfig, device: torch.device) -> bool:
    """Say whether a batch is decoded on one core, and other cores decode other batches meanwhile.

    Parameters
    ----------
    config
        Sizes of the model.
    device
        Where it decodes.
    """
    return device.type == "cpu" and config.d_model < WIDE


def batches_side_by_side(config: SpectusNetworkConfig, device: torch.device) -> int:
    """Return how many batches are decoded at the same time, each by its share of the cores.

    Parameters
    ----------
    config
        Sizes of the model.
    device
        Where it decodes.
    """
    return usable_cores() if decodes_on_one_core(config, device) else 1

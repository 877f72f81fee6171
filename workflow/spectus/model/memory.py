"""How many spectra are decoded at a time: as many as the device's memory holds."""

from pathlib import Path

import torch

from spectus.model.modeling import SpectusConfig

CPU_BATCH = 16  # spectra; from 8 on, more gain nothing on two cores (benchmarks/decoding.py)
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

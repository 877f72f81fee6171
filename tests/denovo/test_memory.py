import os

import pytest
import torch

from spectus.denovo import memory
from spectus.denovo.modeling import SpectusNetworkConfig

CPU = torch.device("cpu")


def test_the_batch_is_what_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for free in (1 << 40, 1 << 32, 1):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        sizes.append(memory.fitting_batch(SpectusNetworkConfig(), CPU, torch.float32, 50))
    assert sizes[0] == memory.CPU_BATCH
    assert sizes[0] > sizes[1] > sizes[2] == 1


def test_free_memory_is_some_but_not_more_than_there_is() -> None:
    assert 1 << 20 < memory.free_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_only_narrow_models_decode_a_batch_on_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_cores", lambda: 5)
    assert memory.batches_side_by_side(SpectusNetworkConfig(d_model=192), CPU) == 5
    assert memory.batches_side_by_side(SpectusNetworkConfig(d_model=1024), CPU) == 1
    assert memory.batches_side_by_side(SpectusNetworkConfig(d_model=192), torch.device("meta")) == 1

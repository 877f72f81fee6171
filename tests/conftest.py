"""Fixtures every test may use."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before anything loads OpenMP

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real runs and spectra kept beside the checkout; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real runs in ../shared/data, which are not part of the project")
    return folder


@pytest.fixture
def stopped_at_checkpoints() -> Callable[[], AbstractContextManager[None]]:
    """A context in which every training is interrupted as soon as it has written a checkpoint."""
    from spectus.learning.fit import Fit

    @contextmanager
    def stopped() -> Iterator[None]:
        real = Fit._record

        def stop(self: Fit, loss: float) -> None:
            real(self, loss)
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Fit, "_record", stop)
            yield

    return stopped

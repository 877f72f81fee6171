"""Finds the folder of a model: on disk, among the models that ship, or on the Hugging Face hub."""

import logging
from pathlib import Path

from spectus.errors import InputError
from spectus.files import resource

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of files with weights, the preferred one first."""

SHIPPED = ("spectus-open",)
"""Names of the models that ship."""

_NEEDLESS = ["optimizer*", "scheduler*", "rng_state*"]  # files of a training, 2.8 GB in the published repository
_LOG = logging.getLogger("spectus")


def model_folder(name: str | Path, revision: str | None = None) -> Path:
    """Find the folder of a model, and download it if it is on the hub.

    Parameters
    ----------
    name
        A folder, the name of a model that ships (`spectus-open`), or a repository on the Hugging Face hub as
        OWNER/NAME or OWNER/NAME@REVISION. The revision is a commit, a tag or a branch; only a commit always gives the
        same files.
    revision
        Revision of a repository, if its name has none.

    Returns
    -------
    Path
        A folder on disk.

    Raises
    ------
    InputError
        No such model, or the hub does not answer.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if str(name) in SHIPPED:
        return resource(f"models/{name}")
    repository, _, pinned = str(name).partition("@")
    if folder.exists() or repository.count("/") != 1 or repository.startswith((".", "/")):
        raise InputError(
            name, "no such model folder", "name a folder with config.json, or a hub model OWNER/NAME@REVISION"
        )
    from huggingface_hub import snapshot_download

    pinned = pinned or revision or ""
    try:
        found = Path(snapshot_download(repository, revision=pinned or None, ignore_patterns=_NEEDLESS))
    except Exception as error:  # the hub's client raises many kinds, all of which mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(name, f"cannot be fetched from the hub ({reason})", "name a local folder instead") from error
    if not pinned:
        _LOG.warning("%s: the newest revision is used; write %s@%s to pin it", repository, repository, found.name)
    return found


def model_ships(folder: Path) -> bool:
    """Say whether a folder is that of a model that ships."""
    return folder.name in SHIPPED and folder.resolve() == resource(f"models/{folder.name}").resolve()

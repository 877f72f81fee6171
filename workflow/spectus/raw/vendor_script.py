"""Run by `vendors` in a process of its own: a vendor's run to mzML. Imports nothing of this package."""

import sys


def convert_to_mzml(source: str, target: str) -> None:
    """Write `target` as mzML; every spectrum of the run or none."""
    import openmassspec_io

    openmassspec_io.to_mzml(source, target, skip_unreadable=False)


if __name__ == "__main__":
    try:
        convert_to_mzml(*sys.argv[1:])
    except BaseException as error:  # a panic of the package's Rust code is no Exception
        sys.exit(" ".join(str(error).split()) or type(error).__name__)

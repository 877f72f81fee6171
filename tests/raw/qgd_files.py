"""Small .qgd files for tests: a compound document ([MS-CFB]) with the streams of a Shimadzu run."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from .files import SCANS, Scans

SECTOR, MINI_SECTOR, MINI_STREAM_BELOW = 512, 64, 4096
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
STORAGE = "GCMS Raw Data"
ACQUIRED_TICKS = 132_289_324_000_000_000
"""2020-03-17 15:26:40 UTC in 100 ns since 1601."""


def compound_document(root: Mapping[str, bytes], storage: str, inside: Mapping[str, bytes]) -> bytes:
    """Streams at the root, and one storage with streams."""
    streams = [*root.values(), *inside.values()]
    sectors: list[bytes] = []
    chain: list[int] = []

    def put(data: bytes) -> int:
        """Add a stream to the sectors, and return its first one."""
        parts = [data[at : at + SECTOR].ljust(SECTOR, b"\0") for at in range(0, len(data), SECTOR)]
        if not parts:
            return END
        first = len(sectors)
        sectors.extend(parts)
        chain.extend([*range(first + 1, first + len(parts)), END])
        return first

    mini, mini_chain, starts = b"", [], []
    for data in streams:
        if len(data) >= MINI_STREAM_BELOW:
            starts.append(put(data))
            continue
        first, count = len(mini) // MINI_SECTOR, -(-len(data) // MINI_SECTOR)
        starts.append(first if count else END)
        mini += data.ljust(count * MINI_SECTOR, b"\0")
        mini_chain += [*range(first + 1, first + count), END] if count else []
    mini_start = put(mini)
    mini_fat = put(struct.pack(f"<{len(mini_chain)}I", *mini_chain))
    places = dict(zip([*root, *inside], zip(starts, map(len, streams), strict=True), strict=True))
    entries = [_entry("Root Entry", 5, child=1, start=mini_start, size=len(mini))]
    siblings = [*root, storage]
    entries += [
        _entry(name, 2, right=at + 2, start=places[name][0], size=places[name][1]) for at, name in enumerate(root)
    ]
    first_inside = len(siblings) + 1
    entries.append(_entry(storage, 1, child=first_inside, start=0, size=0))
    for at, name in enumerate(inside):
        right = first_inside + at + 1 if at + 1 < len(inside) else FREE
        entries.append(_entry(name, 2, right=right, start=places[name][0], size=places[name][1]))
    directory = put(b"".join(entries))
    n_fat = 1
    while n_fat * SECTOR // 4 < len(sectors) + n_fat:
        n_fat += 1
    chain += [FAT] * n_fat
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(n_fat * SECTOR, b"\xff")
    header = struct.pack(
        "<8s16s5H6x9I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, 0, n_fat, directory, 0,
        MINI_STREAM_BELOW, mini_fat, -(-len(mini_chain) * 4 // SECTOR) if mini_chain else 0, END, 0,
    )  # fmt: skip
    places_of_fat = [len(sectors) + at for at in range(n_fat)]
    header += struct.pack("<109I", *places_of_fat, *[FREE] * (109 - n_fat))
    return header + b"".join(sectors) + table


def _entry(name: str, kind: int, *, right: int = FREE, child: int = FREE, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text), kind, 1, FREE, right, child, b"", 0, 0, 0, start, size
    )  # fmt: skip


def qgd_streams(scans: Scans = SCANS, *, steps: float = 20.0, widths: Sequence[int] = (4,)) -> dict[str, bytes]:
    """The streams of the scans; intensities of the given widths in turn, those of four bytes with the flag set."""
    data, places = b"", []
    for number, (time, peaks) in enumerate(scans):
        width = widths[number % len(widths)]
        places.append(len(data))
        data += struct.pack("<II12xHH8x", number + 1, round(time * 1000), width, len(peaks))
        for mz, counts in peaks:
            stored = round(counts) | (1 << 31 if width == 4 else 0)
            data += struct.pack("<H", round(mz * steps)) + stored.to_bytes(width, "little")
    times = [round(time * 1000) for time, _ in scans]
    totals = [round(sum(counts for _, counts in peaks)) for _, peaks in scans]
    return {
        "Retention Time": struct.pack(f"<{len(times)}i", *times),
        "TIC Data": struct.pack(f"<{len(totals)}q", *totals),
        "Spectrum Index": struct.pack(f"<{len(places)}I", *places),
        "MS Raw Data": data,
    }


def write_qgd(path: Path, streams: Mapping[str, bytes] | None = None, acquired: int = ACQUIRED_TICKS) -> Path:
    """Write a run."""
    about = bytes(508) + acquired.to_bytes(8, "little") + bytes(2000)
    path.write_bytes(compound_document({"File Property": about}, STORAGE, streams or qgd_streams()))
    return path

"""Raw files damaged by chance or on purpose. As a program: read many of them, and stop at the first that is not refused
with one line or read as a sound run.

    python -m tests.raw.fuzz mzML 5000 1
"""

import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

import numpy as np

SECONDS = 20  # of processor time: on a busy machine, or a paused one, the clock says little
MEMORY_BYTES = 4 * 2**30

# Numbers that no header should hold, and terms that change what follows them.
_WORDS = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x40000000)
_TEXTS = (
    b"", b"-1", b"0", b"4294967295", b"99999999999999999999", b"nan", b"1e400", b"x" * 5000, b"zlib", b"8388608",
    b"MS:1000514", b"MS:1000515", b"MS:1000521", b"MS:1000523", b"MS:1000519", b"MS:1000522", b"MS:1000574",
    b"MS:1002312", b"MS:1002313", b"MS:1002314", b"MS:1002746", b"MS:1000511", b"MS:1000582",
)  # fmt: skip


def mutants(whole: bytes, seed: int, number: int) -> Iterator[bytes]:
    """Damaged copies of a file: cut, bits turned, words of a header absurd, stretches lost, doubled or exchanged."""
    chance = random.Random(seed)
    xml = whole.lstrip()[:5] == b"<?xml"
    for tenth in range(10):
        yield whole[: len(whole) * tenth // 10]
    for _ in range(number):
        content = whole
        for _ in range(chance.choice([1, 1, 2, 4])):
            change = chance.choice([_bit, _word, _stretch, *((_attribute, _element) if xml else ())])
            content = change(content, chance) if content else whole
        yield content


def _bit(content: bytes, chance: random.Random) -> bytes:
    turned = bytearray(content)
    turned[chance.randrange(len(turned))] ^= 1 << chance.randrange(8)
    return bytes(turned)


def _word(content: bytes, chance: random.Random) -> bytes:
    # Most headers stand at the beginning; there a change is worth more.
    at = chance.randrange(min(len(content), chance.choice([64, 2048, len(content)])))
    form = chance.choice([">I", "<I", ">H", ">Q"])
    value = chance.choice(_WORDS) & (2 ** (8 * struct.calcsize(form)) - 1)
    return content[:at] + struct.pack(form, value) + content[at + struct.calcsize(form) :]


def _stretch(content: bytes, chance: random.Random) -> bytes:
    start, other = (chance.randrange(len(content)) for _ in range(2))
    length = chance.choice([1, 7, 100, 4000])
    piece = content[start : start + length]
    return chance.choice(
        [
            content[:start] + content[start + length :],
            content[:other] + piece + content[other:],
            content[:other] + piece + content[other + length :],
        ]
    )


def _attribute(content: bytes, chance: random.Random) -> bytes:
    found = list(re.finditer(rb"=[\"']([^\"'<>]*)[\"']", content))
    if not found:
        return content
    start, end = chance.choice(found).span(1)
    return content[:start] + chance.choice(_TEXTS) + content[end:]


def _element(content: bytes, chance: random.Random) -> bytes:
    """An element lost, or doubled elsewhere: the file stays well-formed."""
    names = (
        rb"binaryDataArray|spectrum|scan|cvParam|peaks|binaryDataArrayList|scanList|referenceableParamGroup|binary|run"
    )
    found = list(re.finditer(rb"<(" + names + rb")\b[^>]*(?:/>|>.*?</\1>)", content, re.DOTALL))
    if not found:
        return content
    (start, end), (_, place) = chance.choice(found).span(), chance.choice(found).span()
    changed = chance.choice([content[:start] + content[end:], content[:place] + content[start:end] + content[place:]])
    return changed if _well_formed(changed) else content


def _well_formed(content: bytes) -> bool:
    try:
        expat.ParserCreate().Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError):
        return False
    return True


def outcome(file: Path) -> str:
    """'read' for a sound run that survives writing, or the refusal without numbers; an AssertionError otherwise."""
    from spectus.errors import InputError
    from spectus.raw.mzml import write_mzml
    from spectus.raw.read import read_run

    try:
        run = read_run(file)
    except InputError as error:
        message = str(error)
        assert message.startswith(f"{file}: ") and "; " in message, message
        assert message.isprintable() and len(message) < len(str(file)) + 600, message
        return re.sub(r"[\d,.]+", "N", error.problem)[:60]
    assert run.n_scans >= 2 and (np.diff(run.rt_s) > 0).all() and len(run.offsets) == run.n_scans + 1
    assert np.isfinite(run.mz).all() and (run.mz > 0).all() and (run.intensity > 0).all()
    assert run.offsets[-1] == len(run.mz) == len(run.intensity) and (np.diff(run.offsets) >= 0).all()
    write_mzml(run, file.parent / "back.mzML", file.name)
    back = read_run(file.parent / "back.mzML")
    assert np.allclose(back.rt_s, run.rt_s, rtol=0, atol=1e-3) and np.array_equal(back.offsets, run.offsets)
    assert np.array_equal(back.mz, run.mz) and np.array_equal(back.intensity, run.intensity)
    assert (back.instrument, back.acquired_at) == (run.instrument, run.acquired_at)
    assert (back.ionization, back.polarity) == (run.ionization, run.polarity)
    return "read"


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")


def main(kind: str, number: int, seed: int) -> None:
    """Read that many damaged files of one format. A crash, a hang or a wrong result leaves the file behind."""
    from .files import WRITERS

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, _too_long)
    name, write = WRITERS[kind]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    made = write(folder / name)
    file = next(made.iterdir()) if made.is_dir() else made
    whole, met, slowest = file.read_bytes(), Counter[str](), 0.0
    for content in mutants(whole, seed, number):
        file.write_bytes(content)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        start = time.monotonic()
        met[outcome(file)] += 1
        signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.monotonic() - start)
    for left in file.parent.iterdir():
        left.unlink()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{kind}: {met.total()} files, slowest {slowest:.1f} s, {memory:.0f} MB at the most")
    for problem, times in met.most_common():
        print(f"{times:8} {problem}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

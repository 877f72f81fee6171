"""A real browser for tests: Chromium over its debugging pipe, without another package.

Screenshots go to build/screenshots, which CI keeps. axe-core (MPL-2.0) checks the accessibility. The file comes from
the environment variable AXE or from build/axe.min.js, where `scripts/axe.sh` puts it.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium (Debian: apt install chromium)")
_ANSWER_S = 60.0


class Chromium:
    """One browser process with one page at a time."""

    def __init__(self, profile: Path) -> None:
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        command = (
            f'exec "$0" --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking '
            f'--remote-debugging-pipe --user-data-dir="$1" about:blank 3<&{to_read} 4>&{to_write}'
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(EXECUTABLE), str(profile)],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._numbers, self._left, self._session = itertools.count(1), b"", ""
        self.errors: list[str] = []

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def open(self, address: str, width: int = 1300, height: int = 900, *, early: str = "") -> None:
        """Open a page in a window of a size; a narrow one is that of a phone. `early` runs before the page's script."""
        self._session, self.errors = "", []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        if early:
            self.send("Page.addScriptToEvaluateOnNewDocument", source=early)
        self.send("Page.navigate", url=address)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Run the body of an asynchronous function in the page and return what it returns."""
        answer = self.send(
            "Runtime.evaluate", expression=f"(async () => {{ {script} }})()", awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = _ANSWER_S) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition});"):
            assert time.monotonic() < end, f"never true: {condition}; errors: {self.errors}"
            time.sleep(0.05)

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return self._keep(f"{name}.png", self.capture(0, 0, size["width"], min(size["height"], 15_000)))

    def capture(self, left: float, top: float, width: float, height: float) -> bytes:
        """Return a picture of a part of the page as PNG; lengths are in CSS pixels."""
        clip = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def print(self, name: str) -> Path:
        """Keep the page as a printer would get it."""
        answer = self.send("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
        return self._keep(f"{name}.pdf", base64.b64decode(answer["data"]))

    def axe(self) -> list[str]:
        """Return what axe finds: rule, impact and the first element of each."""
        path = Path(os.environ.get("AXE", ROOT / "build" / "axe.min.js"))
        if not path.is_file():
            pytest.skip("needs axe-core: run scripts/axe.sh (needs npm), or name the file axe.min.js in AXE")
        self.send("Runtime.evaluate", expression=path.read_text(encoding="utf-8"))
        found = self.run("return (await axe.run(document, {resultTypes: ['violations']})).violations;")
        return [
            f"{each['id']} ({each['impact']}), {len(each['nodes'])}: {each['nodes'][0]['html'][:160]} "
            f"{each['nodes'][0].get('failureSummary', '')[:200]}"
            for each in found
        ]

    def _keep(self, name: str, content: bytes) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / name
        path.write_bytes(content)
        return path

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + _ANSWER_S
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            found = os.read(self._in, 1 << 20)
            assert found, "the browser has ended"
            self._left += found
        text, self._left = self._left.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(text)
        if answer.get("method") == "Runtime.exceptionThrown":
            thrown = answer["params"]["exceptionDetails"].get("exception", {})
            self.errors.append(thrown.get("description", str(answer)))
        return answer

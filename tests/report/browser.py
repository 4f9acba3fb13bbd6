"""A headless Chromium for tests, spoken to through a pipe by the DevTools protocol."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BINARY = next(filter(None, map(shutil.which, _NAMES)), None)

_PATIENCE = 60  # seconds
_KEY_CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
_KEY_CODES |= {"Escape": 27, "Enter": 13}


class Browser:
    """A running browser with one page."""

    def __init__(self, profile: Path) -> None:
        to_browser, from_browser = os.pipe(), os.pipe()
        # The browser reads 3 and writes 4; sources above them cannot get in the way.
        ends = [
            fcntl.fcntl(end, fcntl.F_DUPFD, 20)
            for end in (to_browser[0], from_browser[1])
        ]
        script = f'exec "$0" "$@" 3<&{ends[0]} 4>&{ends[1]}'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        options += ["--remote-debugging-pipe", f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, str(BINARY), *options, "about:blank"],
            pass_fds=ends,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for end in (*ends, to_browser[0], from_browser[1]):
            os.close(end)
        self._write_end, self._read_end = to_browser[1], from_browser[0]
        self._received, self._last_id, self._session = b"", 0, None
        self.errors: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")

    def open(
        self, path: Path, fragment: str = "", *, width: int = 1280, dark: bool = False
    ) -> None:
        """Shows a file in a window of a width, in a light or a dark scheme."""
        self.errors.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        # From elsewhere, so that another fragment is another visit.
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=path.as_uri() + fragment)
        self.do(
            "if (document.readyState !== 'complete') await new Promise("
            "(done) => addEventListener('load', done)); await frames();"
        )

    def do(self, script: str) -> Any:
        """Runs the body of an async function in the page, and returns what it does.

        `frames()` waits until the page is drawn.
        """
        helpers = (
            "const frames = async () => { for (let i = 0; i < 4; i++)"
            " await new Promise((done) => requestAnimationFrame(done)); };"
        )
        result = self.send(
            "Runtime.evaluate",
            expression=f"(async () => {{ {helpers} {script} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Presses keys as a user does, and waits until the page is drawn."""
        for key in keys:
            letter = "\r" if key == "Enter" else key
            text = {"text": letter} if len(letter) == 1 else {}
            code = _KEY_CODES.get(key, 0)
            for kind in ("keyDown", "keyUp"):
                self.send(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    windowsVirtualKeyCode=code,
                    **(text if kind == "keyDown" else {}),
                )
            self.do("await frames();")

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Writes what is to be seen, or the whole page, as PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Ends the browser."""
        self._session = None
        self.send("Browser.close")
        self._process.wait(_PATIENCE)
        os.close(self._write_end)
        os.close(self._read_end)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        if event.get("method") == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if not address.startswith(("file:", "data:", "about:")):
                self.errors.append(f"asked for {address}")

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._read_end], [], [], 1)
            assert time.monotonic() < end, "the browser does not answer"
            if ready:
                part = os.read(self._read_end, 1 << 16)
                assert part, "the browser has ended"
                self._received += part
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)

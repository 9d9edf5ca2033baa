"""A headless Chromium, driven over a pair of pipes by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--remote-debugging-pipe",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",  # a camera
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the program, or None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page. The clock is the real one, so its milliseconds are too."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb")
        self._answers = os.fdopen(answers, "rb")
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.send("Page.enable")
        self.send("DOM.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; events in between are dropped."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._count:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> bytes:
        while b"\0" not in self._rest:
            chunk = os.read(self._answers.fileno(), 1 << 20)
            if not chunk:
                raise RuntimeError("the browser died")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return message

    def go(self, url: str) -> None:
        """Open a page; it may still be loading afterwards."""
        self.send("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 60.0) -> None:
        """Wait until a JavaScript condition holds."""
        held = self.ask(
            f"""new Promise((resolve) => {{
              const end = performance.now() + {1000 * seconds};
              (function look() {{
                if ({condition}) resolve(true);
                else if (performance.now() > end) resolve(false);
                else setTimeout(look, 50);
              }})();
            }})"""
        )
        if not held:
            raise TimeoutError(f"{condition}: {self.ask('document.body.innerText')}")

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into an ``<input type=file>``."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path: Path, width: int, height: int, scheme: str) -> None:
        """Write the page as a PNG, in the colour scheme ``light`` or ``dark``."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])
        data = self.send("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def open_tab(profile: Path) -> Iterator[Tab]:
    """Start a browser with a profile folder of its own, and end it afterwards."""
    program = find_chromium()
    assert program, "ask find_chromium first"
    command_out, command_in = os.pipe()
    answer_out, answer_in = os.pipe()
    # The protocol wants descriptors 3 and 4.
    script = f'exec "$@" 3<&{command_out} 4>&{answer_in}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", program, *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(command_out, answer_in), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(command_out)
    os.close(answer_in)
    try:
        tab = Tab(command_in, answer_out)
        yield tab
        tab._commands.close()
        tab._answers.close()
    finally:
        process.terminate()
        process.wait(timeout=30)

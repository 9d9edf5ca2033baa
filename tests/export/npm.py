"""A local stand-in for npm's registry: a package in the same layout, its files a few bytes."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgessl.export.bundle import onnxruntime_web


def package() -> bytes:
    """A package laid out as npm's, its files a few bytes: the real one is 33 MB."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in onnxruntime_web.FILES:
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return content.getvalue()


@contextmanager
def npm(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """Serve a package; yield its address and the requests so far."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/package.tgz", asked
        server.shutdown()
        thread.join()


@contextmanager
def onnxruntime_web_from_here(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the download code fetch the stand-in; yield the requests so far."""
    content = package()
    checksum = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    with npm(content) as (address, asked):
        patch.setattr(onnxruntime_web, "URL", address)
        patch.setattr(onnxruntime_web, "INTEGRITY", checksum)
        yield asked

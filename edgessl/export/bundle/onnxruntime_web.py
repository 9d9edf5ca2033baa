"""onnxruntime for web pages: one pinned version from npm, checked and kept in the cache."""

from __future__ import annotations

import base64
import hashlib
import tarfile
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from edgessl.data.cache import appearing, cache_part
from edgessl.errors import EdgesslError

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
"""What npm records for this version."""
FILES = {
    "ort.wasm.min.mjs": "onnxruntime-web, its interface; MIT, Microsoft Corporation",
    "ort-wasm-simd-threaded.mjs": "onnxruntime-web, loads the WebAssembly; MIT",
    "ort-wasm-simd-threaded.wasm": "onnxruntime-web, the runtime for processors; MIT",
}
"""Files of the package's ``dist/`` that a page needs, without those for graphics processors."""
_TIMEOUT_S = 60.0
_MOST_BYTES = 40 * 10**6  # it has 33 MB


def fetch_onnxruntime_web() -> Path:
    """Return the npm package in the cache, downloading it the first time (33 MB).

    Returns:
        A ``.tgz`` file whose checksum is npm's.

    Raises:
        EdgesslError: The download fails, or is not what npm recorded.
        UserError: The cache is not writable.
    """
    path = cache_part("runtimes") / f"onnxruntime-web-{VERSION}.tgz"
    if path.is_file() and _integrity(path.read_bytes()) == INTEGRITY:
        return path
    content = _download(path)
    with appearing(path) as temporary:
        temporary.write_bytes(content)
    return path


def read_files(package: Path) -> dict[str, bytes]:
    """Read what a page needs out of the package.

    Args:
        package: What ``fetch_onnxruntime_web`` returned.

    Returns:
        Content by the names of ``FILES``.
    """
    with tarfile.open(package) as archive:
        found = {name: archive.extractfile(f"package/dist/{name}") for name in FILES}
        return {name: file.read() for name, file in found.items() if file is not None}


def _download(path: Path) -> bytes:
    way_out = (
        f"connect to the network, or run `npm pack onnxruntime-web@{VERSION}` elsewhere "
        f"and put the file at {path}"
    )
    try:
        with urlopen(URL, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read(_MOST_BYTES)
            sent = int(answer.headers.get("Content-Length") or len(content))
        if len(content) < min(sent, _MOST_BYTES):  # a read of at most so many bytes is silent of it
            raise OSError(f"{len(content)} of {sent} bytes came")
    except (OSError, HTTPException) as error:  # URLError, timeouts; a transfer that was cut
        reason = " ".join(str(error).split())[:200]
        raise EdgesslError(
            f"onnxruntime-web {VERSION}: the download failed ({reason}); {way_out}"
        ) from error
    if _integrity(content) != INTEGRITY:
        raise EdgesslError(
            f"onnxruntime-web {VERSION}: must have the checksum that npm recorded, got another "
            f"file from {URL}; {way_out}"
        )
    return content


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()

#!/usr/bin/env python3
"""Serves the bundle to this computer's browser, with the headers that let WebAssembly use threads.

    python web/serve.py [PORT]
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUNDLE = Path(__file__).resolve().parent.parent


class Isolated(SimpleHTTPRequestHandler):
    """Static files that may share memory between threads (cross-origin isolation)."""

    extensions_map = {  # noqa: RUF012 - the base class has it as a plain dict too
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm",
    }  # fmt: skip

    def end_headers(self):
        """Add the two headers to every answer."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


def main():
    """Serve until interrupted."""
    asked = sys.argv[1] if len(sys.argv) > 1 else "8000"
    if not asked.isdecimal() or int(asked) > 65535:
        print(f"error: serve.py: must be given a port such as 8000, got '{asked}'", file=sys.stderr)
        sys.exit(2)
    port = int(asked)
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Isolated, directory=str(BUNDLE)))
    print(f"http://127.0.0.1:{server.server_address[1]}/web/  (Ctrl-C stops)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

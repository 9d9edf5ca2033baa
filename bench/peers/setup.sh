#!/usr/bin/env bash
# Make the environment of the other libraries, outside the repository, and print its interpreter.
# Usage: bench/peers/setup.sh [FOLDER]      (default: EDGESSL_PEERS, else edgessl-peers in the user's
# cache; PYTHON=python3.12 chooses the interpreter)
set -euo pipefail

folder=${1:-${EDGESSL_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/edgessl-peers}}
python=${PYTHON:-python3}
same() { "$python" -c "import importlib.metadata as m; print(m.version('$1').split('+')[0])"; }

if [[ ! -x "$folder/bin/python" ]]; then
  "$python" -m venv "$folder"
fi
# The same torch, torchvision and timm on both sides, or the comparison says nothing.
"$folder/bin/pip" install --quiet \
  "torch==$(same torch)" "torchvision==$(same torchvision)" "timm==$(same timm)" \
  "lightly>=1.6" "lightly-train>=0.18"
echo "$folder/bin/python"

#!/usr/bin/env bash
# Makes the virtual environment with the locked dependencies: venv.sh PYTHON VENV
set -euo pipefail
python=$1
venv=$2

"$python" - <<'CHECK' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 build" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
CHECK
command -v cargo >/dev/null || {
    echo "Rust is needed to build the media core; install it with rustup or your package manager, then try again" >&2
    exit 1
}
echo "== making $venv with the locked dependencies"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock

#!/bin/sh
# Makes .venv: a Python of 3.11 or newer, the pinned packages by hash, then Holdwater itself.
# Usage: setup.sh STAMP; the stamp file is written last, when everything stands.
set -eu
cd "$(dirname "$0")/.."
stamp=$1
started=$(date +%s)

say() { printf 'setup  %-44s %4d s\n' "$1" "$(($(date +%s) - started))"; }

# A candidate is run, not only found: a version manager's shim may exist for a version that does not.
usable() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    # 3.12 and 3.11 come first: the Redis binary that the demo can install by itself exists for these.
    for candidate in ${PYTHON:-} python3.12 python3.11 python3 python3.14 python3.13 python; do
        if usable "$candidate"; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

if ! python=$(find_python); then
    echo "Holdwater needs Python 3.11 or newer with its venv module: install python3.12 (on Debian and" \
        "Ubuntu also python3.12-venv), or name one with PYTHON=/path/to/python, then run make again." >&2
    exit 1
fi

if ! { [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && usable .venv/bin/python; }; then
    "$python" -m venv --clear .venv
fi
say "environment: $(.venv/bin/python --version)"

# -qq: errors alone; what pip remarks about the machine's own configuration is not about this project.
pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip "$@"; }

# --no-deps: the lock names every package, so nothing is resolved here. A resolver would look at the newest
# release of what is asked for with an extra, and stop the day that one is newer than the pinned.
pip install -qq --no-input --no-compile --no-deps --require-hashes -r requirements.lock
say "packages: pinned, checked by hash"

# The project has no hash of its own, so it is a second step; its build tool is one of the pinned packages.
pip install -qq --no-input --no-compile --no-deps --no-build-isolation -e .
if ! missing=$(pip check); then
    echo "requirements.lock does not fit pyproject.toml; run \`make lock\`: $missing" >&2
    exit 1
fi
touch "$stamp"
say "holdwater: ready in .venv (budget 90 s)"

#!/bin/sh
# Makes .venv: CPython 3.10 with astfront (editable), its pinned dependencies and the development tools.
# Needs some Python 3 or uv; what else is missing, it fetches. Safe to run again. `make setup` runs it.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
unset VIRTUAL_ENV

# pyenv: `.python-version` makes its shims fail in this folder where pyenv holds no 3.10, and a shim
# that fails stops uv's search. So no shim is used: pyenv's own folder is looked at instead.
pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
path_without_shims=$(printf %s "$PATH" | tr : '\n' | grep -v '/shims/*$' | paste -sd : -)

die() {
    printf 'astfront: %s\n' "$1" >&2
    exit 1
}

# A uv that works and is recent enough to install a dependency group.
uv_works() {
    "$1" pip install --help 2>/dev/null | grep -q -- '--group'
}

# Every other Python 3 of this machine, as the path of its real executable, the likeliest first.
some_pythons() {
    for candidate in python3 /usr/bin/python3 "$pyenv_versions"/*/bin/python3 python; do
        (
            PATH=$path_without_shims
            "$candidate" -c 'import sys
if sys.version_info >= (3, 8): print(sys.executable)'
        ) 2>/dev/null || true
    done
}

# Sets $uv: the one on PATH, else the project's own in .uv, which is made here if need be.
find_uv() {
    for uv in "$(command -v uv || true)" "$root/.uv/bin/uv" "$root/.uv/lib/bin/uv"; do
        if [ -n "$uv" ] && uv_works "$uv"; then return; fi
    done
    echo "astfront: no usable uv on PATH, installing one into .uv" >&2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    pythons=$(some_pythons)
    old_ifs=$IFS
    IFS='
'
    for python in $pythons; do
        IFS=$old_ifs
        rm -rf .uv
        # Without ensurepip (Debian's python3 without python3-venv) a pip of the system's will do.
        if {
            "$python" -m venv .uv && .uv/bin/python -m pip install --quiet 'uv>=0.7,<1'
        } >>"$log" 2>&1; then
            uv=$root/.uv/bin/uv
        elif {
            rm -rf .uv && "$python" -m pip install --quiet --target .uv/lib 'uv>=0.7,<1'
        } >>"$log" 2>&1; then
            uv=$root/.uv/lib/bin/uv
        else
            continue
        fi
        if uv_works "$uv"; then return; fi
    done
    cat "$log" >&2
    die "could not install uv: needs a network, and a Python 3.8 or later with venv or pip; or install uv yourself and run make again"
}

# Prints a CPython 3.10 that this machine has, or nothing.
find_python() {
    for candidate in \
        "$(UV_PYTHON_DOWNLOADS=never "$uv" python find --system cpython@3.10 2>/dev/null || true)" \
        "$pyenv_versions"/3.10.*/bin/python3.10; do
        if "$candidate" -c 'import ctypes, ssl' 2>/dev/null; then
            printf %s "$candidate"
            return
        fi
    done
}

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
    die "hhb-tvm, the TVM with Relay, exists for Linux on x86-64 only; this is $(uname -s) on $(uname -m)"

find_uv
PATH=$path_without_shims

is_310='import sys; sys.exit(sys.version_info[:2] != (3, 10))'
if ! .venv/bin/python -c "$is_310" 2>/dev/null; then
    rm -rf .venv
    python=$(find_python)
    # Without one here, uv fetches one, unless it is told not to.
    "$uv" venv --quiet --python "${python:-cpython@3.10}" .venv 2>.venv-log || {
        reason=$(sed -n 's/^ *\(error\|×\|cause\): *//p' .venv-log | head -n 1)
        rm -rf .venv .venv-log
        die "needs CPython 3.10; none was found and uv could not fetch one${reason:+ ($reason)}: install one, e.g. with \`pyenv install 3.10\` or \`uv python install 3.10\`, and run make again"
    }
    rm -f .venv-log
fi

# constraints.txt holds for the builds too: chainer's setup.py needs a setuptools with pkg_resources.
"$uv" pip install --quiet --python .venv/bin/python \
    --constraints constraints.txt --build-constraints constraints.txt \
    --editable . --group dev

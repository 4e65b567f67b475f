#!/bin/sh
# venv.sh PYTHON FOLDER: make a virtual environment with pip in it, as any user.
#
# Debian's Python lacks ensurepip until python3-venv is installed. Then pip comes from the wheel in
# Debian's package python3-pip-whl, which is downloaded and unpacked, not installed.
set -eu
python=$1 venv=$2

if "$python" -m ensurepip --version >/dev/null 2>&1; then
  exec "$python" -m venv "$venv"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"

download() {
  (cd "$work" && apt-get -qq "$@" download python3-pip-whl)
}
set -- -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache"
download 2>/dev/null || { apt-get -qq "$@" update && download "$@"; } || {
  echo "this Python has no ensurepip: install python3-venv, or choose another with PYTHON=…" >&2
  exit 1
}
dpkg-deb -x "$work"/*.deb "$work/tree"
set -- "$work"/tree/usr/share/python-wheels/pip-*.whl
"$python" -m venv --without-pip "$venv"
"$venv/bin/python" "$1/pip" -qq install --no-index "$1"

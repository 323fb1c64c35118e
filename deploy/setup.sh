#!/usr/bin/env bash
# Sets up this checkout: setup.sh VENV makes the Python environment, setup.sh --servers installs the
# servers that tests use. Says what it does and, where it may not do it, the one command that does.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1mfarz:\033[0m %s\n' "$*"; }

# Run a command as root if this user may, without asking for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
  else return 1; fi
}

# apt PACKAGE...: install from the distribution, or say how.
apt_install() {
  command -v apt-get >/dev/null || { say "this is not Debian or Ubuntu; install by hand: $*"; return 1; }
  if [ ! -e /var/tmp/farz-apt-updated ] || [ -n "$(find /var/tmp/farz-apt-updated -mmin +1440)" ]; then
    as_root apt-get update -qq >/dev/null 2>&1 && touch /var/tmp/farz-apt-updated || true
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return 0
  say "missing: $*. Install with:  sudo apt-get install -y --no-install-recommends $*"
  return 1
}

find_python() {
  for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"; return 0
    fi
  done
  say "Python 3.11 or newer is missing. Install with:  sudo apt-get install -y python3 python3-venv" >&2
  return 1
}

make_venv() {
  local venv=$1 python
  python=$(find_python)
  if [ ! -x "$venv/bin/pip" ]; then
    say "making $venv with $($python --version)"
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
      say "$python has no venv module yet"
      apt_install python3-venv
      "$python" -m venv "$venv"
    fi
  fi
  say "installing Python packages (the first time takes about a minute)"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
  # Pyright wants the ESP32's stubs at a path without a Python version in it.
  ln -sfn "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" "$venv/stubs"
  command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || apt_install mosquitto ||
    say "going on without Mosquitto: the demo uses the embedded broker instead"
}

# Mosquitto, a browser and two time series servers are what the tests need beyond Python packages.
servers() {
  local missing=()
  [ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || missing+=(mosquitto)
  [ -x /usr/bin/chromium ] || missing+=(chromium fonts-noto-core)
  command -v influxd >/dev/null || missing+=(influxdb)
  command -v victoria-metrics >/dev/null || missing+=(victoria-metrics)
  [ ${#missing[@]} = 0 ] && return 0
  say "installing ${missing[*]} for the tests"
  apt_install "${missing[@]}"
}

case "${1:-}" in
  --servers) servers ;;
  "") echo "usage: $0 VENV | --servers" >&2; exit 2 ;;
  *) make_venv "$1" ;;
esac

#!/bin/sh
# Installs what is missing for `make run` (./setup.sh run) or for `make test` (./setup.sh test), and nothing else.
set -eu
cd "$(dirname "$0")"
purpose="${1:-test}"

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# limited SECONDS COMMAND...: ends a download that hangs.
limited() { if have timeout; then timeout "$@"; else shift; "$@"; fi; }

case "$purpose" in
  run | test) ;;
  *) fail "usage: ./setup.sh run|test" ;;
esac

have cargo || fail "Rust is not installed. Get it from https://rustup.rs (1.94 or newer) and try again."
have cc || fail "there is no C compiler, which Rust links with. Debian: apt-get install build-essential. macOS: xcode-select --install."

# The browser's half is compiled for this target.
if [ ! -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)" ]; then
  have rustup || fail "Rust's wasm32-unknown-unknown target is missing and there is no rustup to add it. Install Rust with https://rustup.rs, or your system's package of the target (Debian: libstd-rust-dev-wasm32)."
  say "setup: adding Rust's wasm32-unknown-unknown target"
  limited 300 rustup target add wasm32-unknown-unknown || fail "the target could not be added. Is the network there? Try: rustup target add wasm32-unknown-unknown"
fi

# wasm-opt, which makes the browser's half small, and the browser tests. What npm noted last must be what the lock file says now.
if [ -f end2end/package-lock.json ] && ! cmp -s end2end/package-lock.json end2end/node_modules/.installed-lock.json; then
  if have npm; then
    say "setup: installing end2end's npm packages"
    (cd end2end && limited 600 npm ci --no-audit --no-fund --loglevel=error) || fail "npm ci in end2end failed. Is the network there? Is Node 20 or newer (node --version says $(node --version))?"
    cp end2end/package-lock.json end2end/node_modules/.installed-lock.json
  elif [ "$purpose" = test ]; then
    fail "npm is not installed, which the browser tests need. Get Node 20 or newer from https://nodejs.org."
  else
    say "setup: npm is not installed; without it the browser's half stays larger than need be. Node 20: https://nodejs.org"
  fi
fi

[ "$purpose" = test ] || exit 0

# The Python of the tester of the API: 3.10 or newer, with what makes a folder of its own for packages.
find_python() {
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
      python="$candidate"
      return 0
    fi
  done
  return 1
}

# The browser, the database and the Python of the tests.
packages=""
# The browser without a window's parts takes half the processor time; where it can't be had, the whole one does.
browser=""
if [ -z "${USHER_TEST_CHROMIUM:-}" ] && [ ! -x /usr/bin/chromium-headless-shell ] && [ -f end2end/package.json ]; then
  if have apt-get; then
    browser="chromium-headless-shell"
  elif [ ! -x /usr/bin/chromium ]; then
    # Does nothing when it is there already.
    (cd end2end && limited 600 npx --no-install playwright install chromium) ||
      fail "no browser for the tests. Set USHER_TEST_CHROMIUM to the path of a Chromium, or try: cd end2end && npx playwright install chromium"
  fi
fi
if ! have initdb && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then packages="$packages postgresql"; fi
if [ -z "${USHER_TEST_SCHEMATHESIS:-}" ] && ! find_python; then packages="$packages python3 python3-venv"; fi
# With it a browser test makes somebody a viewer, which no page does yet.
if ! have sqlite3; then packages="$packages sqlite3"; fi
if [ -n "$packages" ] && ! have apt-get; then
  fail "please install:$packages (its initdb and pg_ctl have to be on the PATH)."
fi
if [ "$(id -u)" = 0 ]; then as_root=""; elif have sudo; then as_root="sudo"; else as_root="nobody"; fi
if [ "$as_root" = nobody ] && [ -x /usr/bin/chromium ]; then browser=""; fi
if [ "$as_root" = nobody ] && [ -n "$packages$browser" ]; then fail "please install as root: apt-get install$packages $browser"; fi
apt_install() {
  limited 900 $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
if [ -n "$packages$browser" ]; then
  say "setup: installing$packages $browser"
  limited 300 $as_root apt-get update -qq || [ -z "$packages" ] || fail "apt-get could not read its lists. Is the network there? Try it by hand: apt-get update"
  # shellcheck disable=SC2086 # a list of words
  [ -z "$packages" ] || apt_install $packages ||
    fail "apt-get could not install$packages. Is the network there? Try it by hand: apt-get install$packages"
  [ -z "$browser" ] || apt_install $browser || [ -x /usr/bin/chromium ] || apt_install chromium ||
    fail "apt-get could not install $browser, nor chromium. Is the network there? Try it by hand: apt-get install $browser"
fi

# What tries the API out against its own document. What pip noted last must be what the list says now.
tester=end2end/schemathesis
if [ -z "${USHER_TEST_SCHEMATHESIS:-}" ] && ! cmp -s $tester/requirements.txt $tester/.venv/.installed-requirements.txt; then
  find_python || fail "there is no Python 3.10 or newer with venv and pip, which the tests of the API need. Get it from https://www.python.org."
  say "setup: installing $tester's Python packages"
  rm -rf $tester/.venv
  { limited 120 "$python" -m venv $tester/.venv && limited 600 $tester/.venv/bin/pip install --quiet --no-input --disable-pip-version-check -r $tester/requirements.txt; } ||
    fail "pip could not install $tester/requirements.txt. Is the network there? Try it by hand: $tester/.venv/bin/pip install -r $tester/requirements.txt"
  cp $tester/requirements.txt $tester/.venv/.installed-requirements.txt
fi

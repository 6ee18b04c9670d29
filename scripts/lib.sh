# shellcheck shell=bash
# What the scripts share: where things are, how what is missing gets installed, a throw-away PostgreSQL,
# the checks, and the sum of what passed and failed. Sourced, never run.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# Nobody answers questions here: no terminal, no input.
exec </dev/null
export DEBIAN_FRONTEND=noninteractive
if [[ -t 1 ]]; then
    export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
else
    export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
fi
# A relative target directory is meant from the caller's point of view: cargo sees it from the root.
target_dir="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
export CARGO_TARGET_DIR="$target_dir"

passed=0
failed=0
problems=()

say() { printf '\n== %s\n' "$*"; }

# Notes a failed check and goes on: one run tells everything that is wrong.
problem() {
    failed=$((failed + 1))
    problems+=("$*")
    printf 'FAILED: %s\n' "$*" >&2
}

has() { command -v "$1" >/dev/null 2>&1; }

# check NAME COMMAND…: runs it; its failure is noted under that name.
check() {
    local name="$1"
    shift
    say "$name"
    "$@" || problem "$name"
}

# Prints what failed, then the sum as the last line; the exit status says the same.
finish() {
    local one
    if ((${#problems[@]})); then
        say "what failed"
        for one in "${problems[@]}"; do printf -- '- %s\n' "$one"; done
    fi
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}

# ---- what is missing -------------------------------------------------------------------------------------

apt_is_fresh=
apt_install() {
    if ! has apt-get || ((EUID != 0)); then
        echo "missing: $*. Install it, or run this as root on Debian." >&2
        return 1
    fi
    if [[ -z $apt_is_fresh ]]; then
        apt-get update -qq || return 1
        apt_is_fresh=yes
    fi
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >"$target_dir/apt.log" 2>&1 || {
        tail -n 20 "$target_dir/apt.log" >&2
        return 1
    }
}

ensure_toolchain() {
    mkdir -p "$target_dir"
    if ! has cargo && [[ -x $HOME/.cargo/bin/cargo ]]; then
        export PATH="$HOME/.cargo/bin:$PATH"
    fi
    if ! has cargo; then
        echo "cargo is missing: install Rust 1.94 or newer from https://rustup.rs" >&2
        return 1
    fi
    # SQLite and ring are compiled from C.
    has cc || apt_install gcc libc6-dev
}

# Bundles the console's styles and scripts; without it pages work unstyled.
ensure_npm() { has npm || apt_install nodejs npm; }

# Chromium with its driver, for the console's tests.
ensure_browser() { has chromedriver || apt_install chromium chromium-driver fonts-noto-cjk; }

# The newest PostgreSQL's programs, also where Debian keeps them out of PATH.
postgres_bin() {
    local newest
    newest="$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)"
    [[ -n $newest ]] || newest="$(command -v initdb || true)"
    [[ -n $newest ]] && dirname "$newest"
}

ensure_postgres() { postgres_bin >/dev/null || apt_install postgresql; }

# promtool, which judges /metrics. Its server is not wanted.
ensure_prometheus() {
    has promtool && return 0
    apt_install prometheus || return 1
    if has service; then service prometheus stop >/dev/null 2>&1 || true; fi
}

# Redis, which tests start on ports of their own. The package's own server is not wanted.
ensure_redis() {
    has redis-server && has redis-cli && return 0
    apt_install redis-server || return 1
    if has service; then service redis-server stop >/dev/null 2>&1 || true; fi
}

# The official SDKs and command lines, of pinned versions, in environments beside the build.
ensure_sdks() { ensure_python_sdks && ensure_node_sdks; }

ensure_python_sdks() {
    local venv="$target_dir/sdk-venv" wanted="tests/sdk/requirements.txt"
    if ! cmp -s "$wanted" "$venv/installed.txt"; then
        has python3 || apt_install python3 || return 1
        rm -rf "$venv"
        if ! python3 -m venv "$venv" >"$target_dir/venv.log" 2>&1; then
            # Debian keeps the module's second half in a package of its own.
            rm -rf "$venv"
            apt_install python3-venv && python3 -m venv "$venv" || return 1
        fi
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" || return 1
        cp "$wanted" "$venv/installed.txt"
    fi
    export SDK_PYTHON="$venv/bin/python"
}

ensure_node_sdks() {
    local home="$target_dir/sdk-node" wanted="tests/conversion/package-lock.json"
    if ! cmp -s "$wanted" "$home/installed.json"; then
        has npm || apt_install nodejs npm || return 1
        rm -rf "$home"
        mkdir -p "$home"
        cp tests/conversion/package.json "$wanted" "$home/"
        npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error || return 1
        # The one script that is needed: it puts Claude Code's program for this machine in place.
        (cd "$home/node_modules/@anthropic-ai/claude-code" && node install.cjs) || return 1
        cp "$wanted" "$home/installed.json"
    fi
    export SDK_NODE_MODULES="$home/node_modules"
}

# ---- a throw-away PostgreSQL -----------------------------------------------------------------------------

postgres_home=

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Starts a server of our own and exports TEST_POSTGRES_URL; a URL that is set already is used as it is.
start_postgres() {
    if [[ -n ${TEST_POSTGRES_URL:-} ]]; then
        echo "using the server of TEST_POSTGRES_URL"
        return 0
    fi
    local bin port attempt options
    bin="$(postgres_bin)" || return 1
    postgres_home="$(mktemp -d /tmp/api-proxy-postgres.XXXXXX)"
    if ((EUID == 0)); then chown postgres "$postgres_home"; fi
    as_postgres "$bin/initdb" -D "$postgres_home/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$target_dir/initdb.log" 2>&1 || {
        tail -n 20 "$target_dir/initdb.log" >&2
        return 1
    }
    # Another process may take the port between the asking and the taking.
    for attempt in 1 2 3 4 5; do
        port="$(free_port)"
        options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$postgres_home"
        options+=" -c max_connections=400 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        if as_postgres "$bin/pg_ctl" -D "$postgres_home/data" -l "$postgres_home/log" -w -t 60 -o "$options" start \
            >/dev/null 2>&1; then
            export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port"
            echo "PostgreSQL $("$bin/postgres" --version | awk '{print $3}') at $TEST_POSTGRES_URL"
            return 0
        fi
        echo "PostgreSQL did not start (attempt $attempt)" >&2
    done
    tail -n 20 "$postgres_home/log" >&2
    return 1
}

stop_postgres() {
    [[ -n $postgres_home ]] || return 0
    local bin
    if bin="$(postgres_bin)"; then
        as_postgres "$bin/pg_ctl" -D "$postgres_home/data" -m immediate -w -t 20 stop >/dev/null 2>&1 || true
    fi
    rm -rf "$postgres_home"
    postgres_home=
}

# ---- checks ----------------------------------------------------------------------------------------------

lint() {
    check "formatting (cargo fmt --all mends it)" cargo fmt --all --check
    check "clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
    if has shellcheck; then
        local shell_scripts
        mapfile -t shell_scripts < <(grep -lE '^#!.*bash|^# shellcheck shell=' scripts/* .ci/run)
        check "shellcheck" shellcheck -x "${shell_scripts[@]}" k8s/make-secret
    else
        say "shellcheck is not installed: the scripts are not checked"
    fi
    if has kubectl; then
        check "manifests for Kubernetes" scripts/manifests --check
    else
        say "kubectl is not installed: k8s/api-proxy.yaml is not checked"
    fi
    if ! has cargo-deny && [[ ${WITH_DENY:-} == 1 ]]; then
        cargo install cargo-deny --locked --quiet || problem "installing cargo-deny"
    fi
    if has cargo-deny; then
        check "dependencies (deny.toml)" cargo deny --log-level error check bans licenses sources
    else
        say "cargo-deny is not installed: deny.toml is not checked (WITH_DENY=1 installs it)"
    fi
}

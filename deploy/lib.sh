# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the scripts that a stranger calls on a fresh Debian 12: installs what is missing, builds a preset.
# Sourced, never run. Must not touch a machine that has everything already, not even with apt-get update.

APT_TRIES=3
# shellcheck disable=SC2034 # for those who source this
NEEDED_TO_BUILD=(build-essential cmake ninja-build pkg-config libpaho-mqtt-dev libssl-dev libcurl4-openssl-dev libcjson-dev
    libconfig-dev libsqlite3-dev libmicrohttpd-dev libcmocka-dev)

# say TEXT...: one line of progress.
say()
{
    printf '== %s\n' "$*"
}

# die TEXT...: says why and ends with 1.
die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# as_root COMMAND...: runs it as root, through sudo where needed.
as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root for: $* (and there is no sudo)"
    fi
}

is_installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_install()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

# Debian starts some services with their packages. Nobody asked for them here: those that came with us go to rest again.
silence_services()
{
    local name
    for name in "$@"; do
        case $name in
        mosquitto | prometheus | nginx-light)
            if is_installed "$name" && [ -d /run/systemd/system ]; then
                as_root systemctl disable --now --quiet "${name%-light}.service" || true
            fi
            ;;
        esac
    done
}

# need_packages NAME...: installs those Debian packages that are missing; asks apt for nothing when none is.
need_packages()
{
    local name missing=() try
    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "there is no apt-get to install ${missing[*]} with"
    # The package lists may be absent (a fresh image) or stale: only then is an update worth its time.
    for ((try = 1; try <= APT_TRIES; try++)); do
        say "installing ${missing[*]}"
        if apt_install "${missing[@]}"; then
            silence_services "${missing[@]}"
            return 0
        fi
        say "that failed (try $try of $APT_TRIES): reading the package lists again"
        as_root apt-get update -q -o Acquire::Retries=3 || true
    done
    die "could not install ${missing[*]}"
}

# build_preset PRESET [TARGET...]: configures and builds into build/PRESET, in a moment when nothing has changed. Quiet,
# unless it fails.
build_preset()
{
    local preset=$1 log=build/$1.log
    shift
    mkdir -p build
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j2 ${1:+--target "$@"}; } >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        return 1
    fi
}

# make_package BUILD FOLDER: a Debian package of what BUILD installs, in FOLDER; its name in $package.
make_package()
{
    local log=$2/cpack.log found
    mkdir -p "$2"
    rm -f "$2"/jobbridge_*.deb
    # Directories get their mode from the umask, and a package's must be readable.
    if ! (umask 022 && cpack --config "$1/CPackConfig.cmake" -B "$PWD/$2") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        return 1
    fi
    rm -rf "$2/_CPack_Packages"
    found=("$2"/jobbridge_*.deb)
    # shellcheck disable=SC2034 # for those who source this
    package=${found[0]}
}

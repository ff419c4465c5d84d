# SPDX-License-Identifier: Apache-2.0
# What the scripts share. Each one starts with:  . "$(dirname "$0")/lib/common.sh"
set -euo pipefail

LIT_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LIT_HOME

say() { printf 'lit: %s\n' "$*" >&2; }
die() { printf 'lit: %s\n' "$*" >&2; exit 1; }

# One compiler for each core, and no more than one for each 2 GB of memory.
jobs() {
    local cores memory limit
    cores=$(nproc)
    memory=$(awk '/^MemTotal:/ {print int($2 / 2000000)}' /proc/meminfo)
    if [ -r /sys/fs/cgroup/memory.max ]; then
        limit=$(cat /sys/fs/cgroup/memory.max)
        if [ "$limit" != max ] && [ $((limit / 2000000000)) -lt "$memory" ]; then memory=$((limit / 2000000000)); fi
    fi
    [ "$memory" -lt 1 ] && memory=1
    echo $((cores < memory ? cores : memory))
}

# configure <preset> [options]: quiet when all is well, the whole story when not.
configure() {
    local preset=$1 folder=$LIT_HOME/build/$1
    shift
    mkdir -p "$folder"
    say "configuring build/$preset"
    if ! (cd "$LIT_HOME" && cmake --preset "$preset" "$@") >"$folder/configure.log" 2>&1; then
        # CMake wraps its message over several indented lines: the first error, in one piece.
        cat "$folder/configure.log" >&2
        die "configuring build/$preset failed: the messages above say why"
    fi
}

# build <preset> <targets...>
build() {
    local preset=$1 n
    shift
    n=$(jobs)
    say "building in build/$preset with $n jobs (LibTorch's headers take a compiler 10 to 40 s each time)"
    cmake --build "$LIT_HOME/build/$preset" -j "$n" --target "$@" >&2 || die "the build in build/$preset failed: the first error is above"
}

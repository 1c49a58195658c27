#!/bin/sh
# bench_line.sh - key to screen over slow lines while a picture is redrawn, against the same line without pictures.
#
#   bench_line.sh BUILDDIR [KEYS]
build=${1:?usage: bench_line.sh BUILDDIR [KEYS]}
keys=${2:-100}
for line in '250000 40' '250000 80' '2000000 20'; do
    for way in none blocks sixel; do
        printf '%-8s bytes/s, %2s ms each way, pictures %-5s  ' $line $way
        # shellcheck disable=SC2086
        "$build/slow_line" $line "$keys" "$build/spinney" -q --plugin-dir "$build/tests/tui/line" --screen moving --pictures=$way \
            2> /dev/null
    done
done

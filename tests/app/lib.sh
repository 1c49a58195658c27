# lib.sh - TAP for the shell tests of the program.  Sourced; needs SPINNEY_BUILDDIR and SPINNEY_SRCDIR.
set -u
spinney=$SPINNEY_BUILDDIR/spinney
good=$SPINNEY_BUILDDIR/tests/app/good
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
# No test reads or writes the folders of who runs it.
HOME=$work/home; export HOME
mkdir -p "$HOME"
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME SPINNEY_MODEL SPINNEY_PLUGIN_PATH NO_COLOR SPINNEY_ISA
run=0 failed=0

# ok STATUS NAME: STATUS 0 passes.
ok() {
    run=$((run + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $run - $2"
    else
        echo "not ok $run - $2"
        failed=$((failed + 1))
    fi
}
skip() { run=$((run + 1)); echo "ok $run # SKIP $1"; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
done_testing() { echo "1..$run"; [ "$failed" -eq 0 ]; exit $?; }

# want CODE NAME COMMAND…: runs with $work/in as stdin; what it prints is in $work/out and $work/err.
want() {
    want_code=$1 want_name=$2
    shift 2
    if [ -f "$work/in" ]; then
        "$@" < "$work/in" > "$work/out" 2> "$work/err"
    else
        "$@" < /dev/null > "$work/out" 2> "$work/err"
    fi
    code=$?
    [ "$code" -eq "$want_code" ]
    ok $? "$want_name: exit $code, wanted $want_code"
    if [ "$code" -ne "$want_code" ]; then
        sed 's/^/# /' "$work/err"
    fi
}
# The last command's output is, or has, this text.
out_is() {
    printf '%s\n' "$1" > "$work/wanted"
    cmp -s "$work/wanted" "$work/out"
    same=$?
    ok $same "$2"
    [ "$same" -eq 0 ] || diff "$work/wanted" "$work/out" | sed 's/^/# /'
}
has() {
    grep -qF -e "$1" "$work/$2"
    found=$?
    ok $found "${3:-$2 has: $1}"
    [ "$found" -eq 0 ] || sed 's/^/# /' "$work/$2" | head -5
}
hasnt() {
    ! grep -qF -e "$1" "$work/$2"
    ok $? "${3:-$2 has not: $1}"
}

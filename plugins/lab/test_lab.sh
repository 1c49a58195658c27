#!/bin/sh
# test_lab.sh - `spinney lab`, and that the lab screen shows what it prints.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
data=$SPINNEY_SRCDIR/tests/data/curves
want 0 "curves of an event folder" "$spinney" -q lab "$data/events" --json
has '"curve":"train/loss","points":50,"last_step":49' out "a restart's points count once"
want 0 "points of one curve" "$spinney" -q lab "$data/run" --curve loss --points
[ "$(wc -l < "$work/out")" -eq 30 ]; ok $? "30 of them"
want 0 "smoothed" "$spinney" -q lab "$data/run" --curve loss --smooth 0.9 --points --json
has '"smoothed":' out
want 3 "a file that is no run" "$spinney" -q lab "$SPINNEY_SRCDIR/COPYING"
has 'neither an event file' err
(cd "$data" && "$spinney" -q lab --json > "$work/all" 2> "$work/err"); ok $? "all runs below a folder"
[ "$(cut -d'"' -f4 "$work/all" | sort -u | wc -l)" -eq 5 ]; ok $? "five of them"

# What `=` says gives the figures that stand on the screen.
[ -d "$data" ] && cd "$data" || exit 99
cat > "$work/keys" << END
:wait
]
]
=
:save-display $work/screen
END
want 0 "the lab screen" "$spinney" -q --script "$work/keys" --size 120x36 --screen lab
line=$(grep -o 'spinney lab.*' "$work/screen" | sed 's/ *$//')
case $line in "spinney lab"*) ok 0 "= names a command" ;; *) ok 1 "= names a command: $line" ;; esac
last=$(grep -o 'last [0-9.]*' "$work/screen" | head -n 1 | cut -d' ' -f2)
PATH=$SPINNEY_BUILDDIR:$PATH sh -c "$(echo "$line" | sed 's/spinney/spinney -q/')" > "$work/out" 2> "$work/err"
ok $? "which runs: $line"
cut -f6 "$work/out" | awk '{ printf "%.6g\n", $1 }' | grep -qx -- "$last"
ok $? "and prints the last value of the screen, $last"
done_testing

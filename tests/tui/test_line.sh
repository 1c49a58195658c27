#!/bin/sh
# test_line.sh - typing while a picture is redrawn over a slow line: every letter comes back, and little is ever on the way.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
[ -f "$SPINNEY_BUILDDIR/tests/tui/line/moving.la" ] || skip_all "a static build has no plugin outside"
LC_ALL=C.UTF-8; export LC_ALL
INPUTRC=/dev/null; export INPUTRC

"$SPINNEY_BUILDDIR/slow_line" 250000 40 8 -d "$work/stream" "$spinney" -q --plugin-dir "$SPINNEY_BUILDDIR/tests/tui/line" \
    --screen moving --pictures=blocks > "$work/blocks" 2> "$work/err"
ok $? "8 letters, the picture in blocks: $(cat "$work/blocks")"
if [ -f "$SPINNEY_BUILDDIR/.libs/spn_sixel.so" ]; then
    "$SPINNEY_BUILDDIR/slow_line" 250000 40 8 -d "$work/stream" "$spinney" -q --plugin-dir "$SPINNEY_BUILDDIR/tests/tui/line" \
        --screen moving > "$work/line" 2> "$work/err"
    ok $? "8 letters, the picture by sixel: $(cat "$work/line")"
    set -- $(sed -n 's/.*pictures \([0-9]*\) .*behind \([0-9]*\)$/\1 \2/p' "$work/line")
    [ "${1:-0}" -gt 0 ]; ok $? "pictures came"
    # 80 ms of the line and a piece: never a whole picture (150 kB) in front of a key.
    [ "${2:-999999}" -lt 100000 ]; ok $? "at most ${2:-?} bytes were on the way at once"
    "$SPINNEY_BUILDDIR/slow_line" 10000000 5 0 -d "$work/stream" -u "$(printf '\033P0;1;0q')" "$spinney" -q --screen pictures \
        > "$work/card" 2> "$work/err"
    ok $? "the test card is drawn, and ends by SIGTERM with 143"
else
    skip "no libsixel"
fi
done_testing

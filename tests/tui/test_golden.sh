#!/bin/sh
# test_golden.sh - whole screens as text, at three sizes, against tests/tui/golden; UPDATE=1 writes them anew.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
golden=$SPINNEY_SRCDIR/tests/tui/golden
[ -f "$SPINNEY_BUILDDIR/tests/tui/view/gallery.la" ] || skip_all "a static build has no plugin outside"
# Nothing of the developer's: no inputrc, no terminal.
INPUTRC=/dev/null; export INPUTRC
unset TERM TMUX VISUAL EDITOR

# same NAME: the screen in $work/NAME is the one that is kept.
same() {
    if [ -n "${UPDATE:-}" ]; then mkdir -p "$golden"; cp "$work/$1" "$golden/$1"; fi
    if cmp -s "$work/$1" "$golden/$1"; then ok 0 "screen $1"; else ok 1 "screen $1"; diff "$golden/$1" "$work/$1" | head -n 20 | sed 's/^/# /'; fi
}
# script NAME SIZE SCREEN: keys from stdin; the screens it saves are in $work.
script() {
    cat > "$work/keys"
    (cd "$work" && "$spinney" -q --plugin-dir "$SPINNEY_BUILDDIR/tests/tui/view" --script keys --size "$2" --screen "$3" > out 2> err)
    ok $? "script $1 at $2"
    head -n 3 "$work/err" | sed 's/^/# /'
}

for size in 80x24 120x36 40x12; do
    script gallery $size gallery << END
:save-display gallery-$size
r
:wait
Down
:save-display gallery-plot-$size
Tab
:save-display gallery-focus-$size
Tab
Down
Tab
z
:save-display gallery-picture-$size
z
Tab
/
type squ
:save-display gallery-find-$size
END
    for s in gallery gallery-plot gallery-focus gallery-picture gallery-find; do same $s-$size; done
    script settings $size settings << END
Right
:save-display settings-$size
?
:save-display help-$size
Esc
:
type pap
:save-display palette-$size
Esc
C-o e
:save-display messages-$size
END
    for s in settings help palette; do same $s-$size; done
done
script small 20x5 settings << END
:save-display small
END
same small

# Names and bytes from outside change nothing but their cells.
printf 'type \033[31m\n' > "$work/keys"
script hostile 80x24 start << 'END'
:wait
paste a^[x\nb
:save-display hostile
END
grep -q "$(printf '\033')" "$work/hostile"; [ $? -eq 1 ]; ok $? "no ESC is drawn"

# The keys that are printed are the keys there are.
script keys 80x24 settings << END
:keys keys.txt
END
cmp -s "$work/keys.txt" "$SPINNEY_SRCDIR/share/doc/keys.txt"
ok $? "share/doc/keys.txt is the table of keys"
[ -n "${UPDATE:-}" ] && cp "$work/keys.txt" "$SPINNEY_SRCDIR/share/doc/keys.txt"

printf 'nokey\n' > "$work/keys"
want 3 "a script with a wrong key" "$spinney" -q --script "$work/keys"
want 2 "a wrong size" "$spinney" -q --script "$work/keys" --size 80
done_testing

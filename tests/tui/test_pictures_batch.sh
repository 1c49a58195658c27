#!/bin/sh
# test_pictures_batch.sh - pictures that commands print: into pipes when a way is named, on a terminal by what it says.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
"$spinney" -q doctor 2> /dev/null | grep '^spn_media' | grep -qw ok || skip_all "this build reads no pictures"
LC_ALL=C.UTF-8; export LC_ALL
street=$SPINNEY_SRCDIR/share/demo/street.png
masks=$SPINNEY_SRCDIR/share/demo/masks
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
esc=$(printf '\033')
seg() { "$spinney" -q --dir "$work/home" seg "$street" --pred "$masks" "$@" 2> "$work/err"; }
has() { LC_ALL=C grep -a -q "$1" "$work/out"; }

seg > "$work/out"; ok $? "seg into a pipe"
has "$esc"; [ $? -eq 1 ]; ok $? "is text"
mkdir -p "$work/home/config"
echo "pictures = ascii" > "$work/home/config/spinneyrc"
seg > "$work/set"; cmp -s "$work/out" "$work/set"; ok $? "and stays so with a setting"
rm "$work/home/config/spinneyrc"
seg --json --pictures kitty > "$work/out"; has "$esc"; [ $? -eq 1 ]; ok $? "JSON has no pictures"
seg --pictures none > "$work/none"; seg > "$work/out"; cmp -s "$work/none" "$work/out"; ok $? "none is text"
seg --pictures kitty > "$work/out"; has "${esc}_Ga=T,.*q=2"; ok $? "kitty"
seg --pictures iterm > "$work/out"; has "${esc}]1337;File=inline=1"; ok $? "iTerm2"
seg --pictures ascii > "$work/out"; has "$esc"; [ $? -eq 1 ]; ok $? "letters have no sequences"
has '^[ .:=+*#%@-]\{60,80\}$'; ok $? "and are letters"
seg --pictures blocks > "$work/out"; has "${esc}\[0;38;2;"; ok $? "blocks have colours"
if [ -f "$SPINNEY_BUILDDIR/.libs/spn_sixel.so" ]; then
    seg --pictures sixel > "$work/out"; has "${esc}P0;1;0q"; ok $? "sixel"
    for verb in 'ckpt heat' 'ckpt hist'; do
        # shellcheck disable=SC2086
        "$spinney" -q $verb "$model" blk.0.attn_q.weight --pictures sixel > "$work/out" 2> "$work/err"
        ok $? "$verb"
        has "${esc}P0;1;0q"; ok $? "prints a picture"
    done
    # On a terminal that answers: by what it says, and nothing of the answers is left for the shell.
    cat > "$work/run" << END
'$spinney' -q --dir '$work/home' seg '$street' --pred '$masks'
stty raw -echo min 0 time 10
printf 'LEFT['; dd bs=64 count=1 2> /dev/null | od -An -c | tr -d ' \n'; printf ']OVER'
stty sane; cat
END
    "$SPINNEY_BUILDDIR/slow_line" 10000000 5 0 -d "$work/out" -u ']OVER' sh "$work/run" > /dev/null 2>&1; ok $? "on a terminal"
    has "${esc}P0;1;0q"; ok $? "that says sixel: a sixel"
    has 'LEFT\[\]OVER'; ok $? "nothing of its answers is left"
else
    seg --pictures sixel > "$work/out"; [ $? -eq 3 ]; ok $? "without libsixel it says so"
fi
done_testing

#!/bin/sh
# test_tmux_pictures.sh - pictures inside tmux: blocks, and kitty's placeholders where the terminal around it is kitty.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
for tool in tmux tic infocmp; do command -v $tool > /dev/null || skip_all "no $tool"; done
LC_ALL=C.UTF-8; export LC_ALL
INPUTRC=/dev/null; export INPUTRC
unset TMUX
server=spinney-pictures-$$
trap 'tmux -L "$server" kill-server 2> /dev/null; rm -rf "$work"' EXIT

# A terminal by kitty's name: what is known of xterm will do.
mkdir "$work/ti"
infocmp xterm-256color 2> /dev/null | sed 's/^xterm-256color|/xterm-kitty|/' > "$work/kitty.ti"
tic -o "$work/ti" "$work/kitty.ti" 2> /dev/null || skip_all "tic makes no entry"

# inside UNTIL PASSTHROUGH: the test card in tmux in a terminal that says it is kitty; what arrives there is in $work/stream.
inside() {
    cat > "$work/run" << END
TERMINFO='$work/ti' TERM=xterm-kitty exec tmux -L '$server' -f /dev/null new \\
    "tmux set -g allow-passthrough $2; env -u TERMINFO TERM=screen-256color '$spinney' -q --screen pictures"
END
    "$SPINNEY_BUILDDIR/slow_line" 10000000 1 0 -d "$work/stream" -u "$1" sh "$work/run" > /dev/null 2> "$work/err"
    code=$?
    [ $code -ne 3 ] || code=0 # a client of tmux ends in its own way
    tmux -L "$server" kill-server 2> /dev/null
    return $code
}
kitty=$(printf '\033_G')
holder=$(printf '\364\216\273\256')
inside ",U=1," on; ok $? "the picture arrives, through tmux"
LC_ALL=C grep -a -q "${kitty}a=T,.*,U=1," "$work/stream"; ok $? "in kitty's protocol"
LC_ALL=C grep -a -q "$holder" "$work/stream"; ok $? "and the characters that place it"
blocks=$(printf '\342\226')
inside "$blocks" off; ok $? "tmux lets nothing through: blocks arrive"
LC_ALL=C grep -a -q "$kitty" "$work/stream"; [ $? -eq 1 ]; ok $? "and no picture"
done_testing

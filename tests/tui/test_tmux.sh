#!/bin/sh
# test_tmux.sh - the screens in a real terminal: tmux with a server of its own.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
command -v tmux > /dev/null || skip_all "no tmux"
case ${LC_ALL:-} in *UTF-8*) ;; *) LC_ALL=C.UTF-8; export LC_ALL ;; esac
server=spinney-test-$$
t() { tmux -L "$server" -f /dev/null "$@"; }
trap 't kill-server 2> /dev/null; rm -rf "$work"' EXIT
INPUTRC=/dev/null; export INPUTRC

# Until the screen shows TEXT, 60 seconds at most.
shows() {
    tries=0
    while [ $tries -lt 1200 ]; do
        t capture-pane -p -t s > "$work/screen" 2> /dev/null
        if grep -qF -- "$1" "$work/screen"; then ok 0 "$2"; return 0; fi
        sleep 0.05; tries=$((tries + 1))
    done
    ok 1 "$2"; sed 's/^/# /' "$work/screen"
}
# Until the screen no longer shows TEXT.
gone() {
    tries=0
    while [ $tries -lt 1200 ]; do
        t capture-pane -p -t s > "$work/screen" 2> /dev/null
        if ! grep -qF -- "$1" "$work/screen"; then ok 0 "$2"; return 0; fi
        sleep 0.05; tries=$((tries + 1))
    done
    ok 1 "$2"; sed 's/^/# /' "$work/screen"
}
# Until FILE is written whole: its last line is a mark of the shell.
written() {
    tries=0
    while [ $tries -lt 1200 ] && ! grep -qx done "$1" 2> /dev/null; do sleep 0.05; tries=$((tries + 1)); done
}
# What the terminal's modes are, into FILE.
modes() { keys "stty -g > $1; echo done >> $1" Enter; written "$1"; }
child() { pgrep -n -P "$(t display -p -t s '#{pane_pid}')" 2> /dev/null || :; }  # the program: the shell's child
keys() { t send-keys -t s "$@"; }

# A sanitizer reports a crash itself and ends with 1.
if nm -D "$SPINNEY_BUILDDIR/.libs/spinney" 2> /dev/null | grep -q __asan; then crash=1; else crash=139; fi

# A shell in the pane, as after logging in: what is left on the terminal shows.
t new -d -s s -x 100 -y 30 "env PS1='ready> ' ENV= sh" || skip_all "tmux does not start"
shows 'ready>' "a shell"
modes "$work/stty1"
keys "'$spinney' -q; echo left \$?" Enter
shows 'YOUR MODELS' "the start screen"
shows 'forest-mini' "the model that comes with it"
keys C-o d; shows 'doctor' "places: doctor"
shows 'threads' "its rows"
keys '/'; keys 'mem'; gone 'own plugins' "a filter"
keys Enter; keys Escape; shows 'own plugins' "Escape clears it"
keys '?'; shows 'keys of doctor' "help"
keys Escape; gone 'keys of doctor' "Escape closes it"
keys g e; shows 'spinney   messages' "places from a pane"
keys q; shows 'spinney   doctor' "q goes back"
t resize-window -t s -x 60 -y 20
shows 'LIST' "after a resize"
keys g q; shows 'left 0' "it leaves with 0"
modes "$work/stty2"; cmp -s "$work/stty1" "$work/stty2"; ok $? "the terminal's modes are as before"

t resize-window -t s -x 100 -y 30
keys "clear; '$spinney' -q; echo ended \$?" Enter
shows 'YOUR MODELS' "again"
pid=$(child)
if [ -n "$pid" ]; then
    kill -TERM "$pid"; shows 'ended 143' "SIGTERM: 143"
    keys clear Enter; modes "$work/stty3"
    cmp -s "$work/stty1" "$work/stty3"; ok $? "and the terminal as before"
    keys "clear; '$spinney' -q; echo crashed \$?" Enter
    shows 'YOUR MODELS' "once more"
    pid=$(child)
    kill -SEGV "$pid"; shows "crashed $crash" "SIGSEGV: $crash"
    keys clear Enter; modes "$work/stty4"
    cmp -s "$work/stty1" "$work/stty4"; ok $? "and the terminal as before"
    keys "clear; '$spinney' -q; echo back \$?" Enter
    shows 'YOUR MODELS' "a fourth time"
    keys C-z; shows 'ready>' "C-z gives the shell"
    keys fg Enter; shows 'YOUR MODELS' "fg comes back"
    keys C-o q; shows 'Stopped' "and leaves, to what the terminal showed before"
else
    skip "no pgrep"
fi
done_testing

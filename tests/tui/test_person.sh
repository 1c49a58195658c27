#!/bin/sh
# test_person.sh - what a person does in a real terminal (tmux): start, the model that comes with it, a hand of 24 with 8 trees, stop, replay, again, branch, edit, find, save, quit, go on.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
command -v tmux > /dev/null || skip_all "no tmux"
[ -f "$SPINNEY_SRCDIR/share/models/forest-mini.gguf" ] || skip_all "no model to talk to"
# Some keys are pressed while an answer comes: a sanitizer makes that too slow to know when it has ended.
nm -D "$SPINNEY_BUILDDIR/.libs/spinney" 2> /dev/null | grep -q __asan && skip_all "a sanitized build"
case ${LC_ALL:-} in *UTF-8*) ;; *) LC_ALL=C.UTF-8; export LC_ALL ;; esac
server=spinney-person-$$
t() { tmux -L "$server" -f /dev/null "$@"; }
trap 't kill-server 2> /dev/null; rm -rf "$work"' EXIT
INPUTRC=/dev/null; export INPUTRC
keys() { t send-keys -t s "$@"; }
# Until the screen shows TEXT (or no longer shows it): a minute and a half at most, whatever runs beside.
waits() {
    tries=0
    while [ $tries -lt 900 ]; do
        t capture-pane -p -t s > "$work/screen" 2> /dev/null
        if grep -qF -- "$1" "$work/screen"; then found=0; else found=1; fi
        if [ $found -eq "$3" ]; then ok 0 "$2"; return 0; fi
        sleep 0.1; tries=$((tries + 1))
    done
    ok 1 "$2"; sed 's/^/# /' "$work/screen"
}
shows() { waits "$1" "$2" 0; }
gone() { waits "$1" "$2" 1; }
# Until N answers stand there whole: each ends with a line of its tokens and seconds.
answers() {
    tries=0
    while [ $tries -lt 900 ]; do
        t capture-pane -p -t s > "$work/screen" 2> /dev/null
        [ "$(grep -c '[0-9] tokens  [0-9]' "$work/screen")" -lt "$1" ] || { ok 0 "$2"; return 0; }
        sleep 0.1; tries=$((tries + 1))
    done
    ok 1 "$2"; sed 's/^/# /' "$work/screen"
}

mkdir -p "$work/user"
t new -d -s s -x 120 -y 36 "env PS1='ready> ' ENV= sh" || skip_all "tmux does not start"
shows 'ready>' "a shell"
keys "cd '$work'; '$spinney' --dir user; echo left \$?" Enter
shows 'YOUR MODELS' "the start screen"
shows 'forest-mini' "with the model that comes with it"
keys C-o m; shows 'look again' "the models"
shows 'forest-mini' "of this machine"
keys '/'; keys -l 'forest-mini'; keys Enter
shows 'Enter chat' "Enter chats with it"
keys Enter; shows 'LINE' "a chat, ready to type"
shows 'ask; / for commands' "an empty line"

# A hand with 8 trees; enough judgements that there is time to stop it.
keys -l '/reason fot:trees=8,stop=none,eval=64,in_flight=1,beam=8'; keys Enter
shows 'trees=8,stop=none' "a reasoner is chosen"
keys -l '1 1 1 1'; keys Enter
shows 'growing' "the forest grows"
keys C-c; shows 'ended by: you' "it is stopped, and what there is, is kept"
shows 'forest  ' "the forest stays"
keys -l '/reason fot:trees=8'; keys Enter
keys -l '4 5 6 10'; keys Enter
shows 'checked: true' "a hand of 24 with 8 trees"
shows 'checked true' "its verdict is beside"
keys C-o f; shows '[ forest' "the trees have the focus"
keys '.'; shows 'step 1 of' "replay, a step"
keys '.'; shows 'step 2 of' "and another"
keys ','; shows 'step 1 of' "back"
keys Space; gone 'step 1 of' "it plays"
shows '[ forest  8 trees' "to its end"
keys Tab; shows '[ tree' "one tree"
keys p; shows 'a thought' "a thought opens"
keys Escape; gone 'a thought' "and closes"

# Again, a branch, an edit: a plain model from here.
keys i; shows 'LINE' "back in the line"
keys -l '/reason none'; keys Enter; gone 'fot:trees=8   task' "no reasoner"
keys -l 'What is spinney?'; keys Enter; answers 3 "an answer"
shows 'What is spinney?' "to a question"
keys Escape; shows '[ transcript' "the transcript"
keys r; shows '< 2/2 >' "asked again: a second version"
keys ','; shows '< 1/2 >' "the first one"
keys '.'; shows '< 2/2 >' "the second one"
keys e; shows 'a new branch' "an edit begins"
keys -l ' And why?'; keys Enter; shows 'And why?' "and is sent"
shows '< 2/2 >' "as a second question"
keys Escape; shows '[ transcript' "the transcript again"
keys b; shows 'a new branch' "a branch here"
keys -l 'The other way'; keys Enter; shows 'The other way' "something else is said"

# Found, saved, left, gone on with.
keys Escape; shows '[ transcript' "in the transcript"
keys '/'; keys -l 'The other'; keys Enter; shows '1 of' "a search finds it"
keys i; shows 'LINE' "to the line"
keys -l '/save talk.md'; keys Enter; shows 'saved: talk.md' "saved"
keys C-o q; shows 'left 0' "left"
grep -q 'The other way' "$work/talk.md"; ok $? "the file has it"
keys "clear; '$spinney' --dir user --screen chats" Enter
shows 'earlier chats' "earlier chats"
shows '1 1 1 1' "the conversation by its title"
keys Enter; shows 'The other way' "it goes on where it was"
keys C-o /; shows 'looked for in all' "words in all chats"
keys -l 'And why'; keys Enter; shows 'place' "are found"
keys C-o q; shows 'ready>' "and left again"
done_testing

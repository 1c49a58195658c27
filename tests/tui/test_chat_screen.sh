#!/bin/sh
# test_chat_screen.sh - the chat screen: a question and its answer, a forest beside it, asked again, saved; and the same as a command.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
[ -f "$model" ] || skip_all "no model to talk to"
INPUTRC=/dev/null; export INPUTRC
unset TERM TMUX VISUAL EDITOR
# script NAME ARGUMENT...: keys from stdin.
script() {
    name=$1; shift
    cat > "$work/keys"
    (cd "$work" && "$spinney" -q --script keys "$@" > out 2> err)
    ok $? "script $name"
    head -n 3 "$work/err" | sed 's/^/# /'
}
# shows FILE TEXT: the saved screen shows it.
shows() { grep -qF -- "$2" "$work/$1"; ok $? "$1 shows: $2"; }

script talk --size 120x36 --screen chat << END
type /temp 0
Enter
type /model $model
Enter
type What is spinney?
Enter
:wait
:save-display plain
type /reason fot:trees=4
Enter
type 4 5 6 10
Enter
:wait
:save-display forest
type /save talk.md
Enter
Esc
r
:wait
:save-display again
=
:save-display command
i
type /budget nonsense=1
Enter
type 4 5 6 10
Enter
:wait
:save-display refused
END
shows plain "terminal workbench"
shows plain "tokens"
shows forest "checked: true"
shows forest "forest  4 trees"
shows forest "checked true"
shows again "checked: true"
shows command "--reason"
shows refused "nonsense"
grep -q '^## user' "$work/talk.md" && grep -q '^## assistant' "$work/talk.md"; ok $? "the conversation is saved"
answer=$(sed -n 's/^ *Answer: \(.*[0-9)]\).*/\1/p' "$work/talk.md" | head -n 1)
"$spinney" -q chat -m "$model" --temp 0 --reason fot:trees=4 -p "4 5 6 10" 2> /dev/null | grep -qF -- "$answer"
ok $? "batch mode answers the same: $answer"
script question --size 80x24 --screen start << END
type 2 + 2
Enter
:wait
:save-display typed
END
shows typed "2 + 2"
done_testing

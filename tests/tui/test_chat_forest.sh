#!/bin/sh
# test_chat_forest.sh - what the chat screen keeps and shows: the forest of the screen is the forest of batch mode to the byte, branches and versions, earlier chats, words in all of them, probabilities, replay.
. "$SPINNEY_SRCDIR/tests/app/lib.sh"
model=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
[ -f "$model" ] || skip_all "no model to talk to"
INPUTRC=/dev/null; export INPUTRC
unset TERM TMUX VISUAL EDITOR

script() {
    name=$1; shift
    cat > "$work/keys"
    (cd "$work" && "$spinney" -q --dir home --script keys "$@" > out 2> err)
    ok $? "script $name"
    head -n 3 "$work/err" | sed 's/^/# /'
}
shows() { if grep -qF -- "$2" "$work/$1"; then ok 0 "$1 shows: $2"; else ok 1 "$1 shows: $2"; sed 's/^/# /' "$work/$1"; fi; }
not_shows() { grep -qF -- "$2" "$work/$1"; [ $? -eq 1 ]; ok $? "$1 shows no: $2"; }
# thoughts FILE: the graph in it, times and rates aside.
thoughts() { sed -E 's/.*"thoughts": ?(\{.*\})\}.*/\1/; s/"[a-z_]*(seconds|_tps)": ?[-+.e0-9]+,?//g; s/, ?\}/}/g; s/([:,]) /\1/g' "$1"; }

# One forest of each base, on the screen and in batch mode, with the same seed.
for base in tot:trees=4 fot:trees=8 fot:trees=3,base=mcts,iters=2; do
    case $base in tot*) reason=fot:trees=4,in_flight=1; q='3 3 8 8' ;; *mcts*) reason=$base; q='Ana has 12 marbles and gives 5 to Ben. How many has she now?' ;; *) reason=$base; q='4 5 6 10' ;; esac
    script "forest $reason" --size 120x36 --screen chat << END
type /model $model
Enter
type /seed 7
Enter
type /reason $reason
Enter
type $q
Enter
:wait
type /save screen.json
Enter
:save-display forest
END
    "$spinney" -q chat -m "$model" --seed 7 --reason "$reason" -p "$q" --thoughts full --json < /dev/null > "$work/batch.json" 2> "$work/err"
    ok $? "the same in batch mode"
    thoughts "$work/screen.json" > "$work/a"; thoughts "$work/batch.json" > "$work/b"
    grep -q '"steps"' "$work/b" && [ "$(wc -c < "$work/b")" -gt 2000 ]; ok $? "batch mode gives a whole graph"
    cmp -s "$work/a" "$work/b"; ok $? "$reason: the same JSON on the screen and in batch mode"
done

# Branches: asked again, edited, versions, taken back.
script branches --size 120x36 --screen chat << END
type /model $model
Enter
type /temp 0.9
Enter
type What is spinney?
Enter
:wait
Esc
r
:wait
:save-display again
,
:save-display first
.
e
:save-display line
End
type  Tell me more.
Enter
:wait
:save-display edited
Esc
k
,
:save-display back
u
:save-display undone
type q
END
shows again "< 2/2 >"
shows first "< 1/2 >"
shows line "a new branch"
shows line "What is spinney?"
shows edited "Tell me more."
shows edited "< 2/2 >"
not_shows back "Tell me more."
shows undone "Tell me more."

# Kept: the list, going on, words in all of them, removing and bringing back.
script kept --size 120x36 --screen chats << END
:save-display list
C-o /
type marbles ben
Enter
:save-display found
Enter
:wait
:save-display opened
C-o r
x
Left
Enter
:save-display removed
u
:save-display brought
END
shows list "What is spinney?"
shows list "4 conversations"
shows found "1 place"
shows found "Ana has 12 marbles"
shows opened "Ana has 12 marbles"
shows opened "forest  3 trees"
shows removed "3 conversations"
shows brought "4 conversations"

# Replay, a thought whole, probabilities and another choice, private, continue.
script look --size 120x36 --screen chat << END
type /model $model
Enter
type /reason fot:trees=4
Enter
type 4 5 6 10
Enter
:wait
C-o f
.
.
:save-display step
,
,
:save-display start
Tab
:focus tree
Enter
:save-display thought
Esc
type /nothing
END
shows step "step 2 of"
shows start "step 1 of"
shows thought "a thought"
script probe --size 120x36 --screen chat << END
type /private
Enter
type /model $model
Enter
type /temp 0
Enter
type What is spinney?
Enter
:wait
Esc
p
:wait
:save-display probe
Right
]
]
Enter
:wait
:save-display other
m
:wait
:save-display models
END
shows probe "perplexity"
shows probe "all others"
shows other "< 2/2 >"
shows other "stays off the disk"
shows models "forest-mini"
script continue --size 120x36 --screen chat << END
type /continue
Enter
:save-display continued
type /continue 99
Enter
:save-display none
END
shows continued "4 5 6 10"
shows continued "forest  4 trees"
shows none "there is none of that number"

# A home that cannot be written: one sentence, and the conversation goes on in memory.
rm -rf "$work/home"; mkdir "$work/home"; echo no folder > "$work/home/data"
script memory --size 120x36 --screen chat << END
type /model $model
Enter
type What is spinney?
Enter
:wait
:save-display memory
END
shows memory "terminal workbench"
shows memory "stays in memory"
# A model that cannot be opened: a sentence, the question is kept and can be asked again.
script failure --size 120x36 --screen chat << END
type /model $work/nowhere.gguf
Enter
type What is spinney?
Enter
:wait
:save-display failed
type /model $model
Enter
type /retry
Enter
:wait
:save-display mended
END
shows failed "nowhere.gguf"
shows failed "What is spinney?"
shows mended "terminal workbench"
done_testing

#!/bin/sh
# model_long.sh - the lines that the model that comes with spinney has to hold: hands of 24 and word problems, three
# held-out sets of each kind, measured again.  The line about the time of a batch is the machine's, not the model's.
src=${SPINNEY_SRCDIR:-.}
spinney=${SPINNEY_BUILDDIR:-.}/spinney
model=$src/share/models/forest-mini.gguf
hands=${SPINNEY_SHARED:-$src/../shared}/data/24-test95.csv
bad=0
line() {        # line STATUS NAME
    if [ "$1" -eq 0 ]; then echo "ok - $2"; else echo "not ok - $2"; bad=1; fi
}
claims() {      # claims MINIMUM: those that a bench printed into model-long.txt
    while read -r verdict what; do
        case $verdict-$what in
        *'in one batch take at most'*) ;;
        yes-*) line 0 "$what" ;;
        NO-*) line 1 "$what" ;;
        esac
    done < model-long.txt
    [ "$(grep -cE '^(yes|NO)' model-long.txt)" -ge "$1" ]; line $? "$1 lines are there"
}

if [ -f "$hands" ]; then
    "$spinney" bench fot -m "$model" -q --hands "$hands" > model-long.txt
    claims 8
else
    echo "ok # SKIP no $hands"
fi
"$spinney" bench words -m "$model" -q > model-long.txt
claims 5
rm -f model-long.txt
exit $bad

#!/bin/sh
# style.sh - what the house style asks and a script can see: headers compile alone, banned calls, layers, line length.
cd "${SPINNEY_SRCDIR:-.}" || exit 99
n=0 bad=0
check() {       # check NAME OUTPUT: passes when OUTPUT is empty
    n=$((n + 1))
    if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | head -n 10 | sed 's/^/# /'; bad=1; fi
}
files() { find kernels app plugins tests -name "$1" | sort; }
flags='-Ikernels -Iapp/include -Itests -I.'
cc=${CC:-cc}

out=$(for h in $(find kernels app/include -name '*.h' | grep -v _impl.h | sort); do
    $cc -std=gnu11 $flags -fsyntax-only -x c "$h" > /dev/null 2>&1 || echo "$h does not compile alone"
done)
check "every header compiles alone" "$out"

if command -v c++ > /dev/null; then
    check "the plugin header is C++" "$(c++ $flags -fsyntax-only -x c++ app/include/spinney/plugin.h 2>&1)"
else
    n=$((n + 1)); echo "ok $n - the plugin header is C++ # SKIP no C++ compiler"
fi

check "no banned calls" "$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|alloca)[ ]*\(' $(files '*.c') /dev/null)"
check "kernels and plugins print, exit and read the environment nowhere" "$(
    grep -nE '(^|[^_a-z])(printf|puts|exit|abort|getenv)[ ]*\(' $(find kernels plugins -name '*.c' | grep -vE '/test_|base/cpu\.c') /dev/null)"
check "kernels know nothing of app" "$(grep -nE '#include "(spinney|host|command|engine)/' $(find kernels -name '*.[ch]') /dev/null)"
check "plugins see no header of the host's inside" "$(
    grep -nE '#include "(host|command|screen)/' $(find plugins -name '*.[ch]' | grep -v /test_) /dev/null)"
check "no tabs in C" "$(grep -lP '\t' $(files '*.[ch]'))"
check "lines of 100 columns at most" "$(awk 'length > 100 { print FILENAME ":" FNR ": " length }' $(files '*.[ch]'))"
echo "1..$n"
exit $bad

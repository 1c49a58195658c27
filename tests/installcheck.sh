#!/bin/sh
# Is what was installed whole?  A plugin is built out of the tree through spinney-plugin.pc and loaded, the installed files are
# compared with what the tree lists, and the tree is moved and must still run.
# From the environment: DESTDIR PREFIX BINDIR LIBDIR INCLUDEDIR DATADIR (of the project) MANDIR SRCDIR HEADERS PAGES PLUGINS CC.
set -u
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
HOME=$work; export HOME
unset SPINNEY_BUILDDIR SPINNEY_SRCDIR SPINNEY_PLUGIN_PATH LTDL_LIBRARY_PATH LD_LIBRARY_PATH SPINNEY_MODEL \
    XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME
failed=0
say() {
    if [ "$1" -eq 0 ]; then echo "installcheck: ok: $2"; else echo "installcheck: FAILED: $2" >&2; failed=1; fi
}
spinney=$DESTDIR$BINDIR/spinney

"$spinney" version > "$work/out" 2> "$work/err"
say $? "spinney version runs from $DESTDIR$BINDIR"
missing=
for p in $PLUGINS; do
    "$spinney" -q plugins | grep -q "^$p	loaded" || missing="$missing $p"
done
[ -z "$missing" ]
say $? "every installed plugin is loaded$missing"
[ "$("$spinney" -q papers | wc -l)" -eq 61 ]
say $? "the installed papers are found"
[ -s "$DESTDIR$LIBDIR/spinney/selftest.json" ]
say $? "make install kept which selftests passed"
missing=
for h in $HEADERS; do
    [ -f "$DESTDIR$INCLUDEDIR/spinney-1/$h" ] || missing="$missing $h"
done
[ -z "$missing" ]
say $? "every public header is installed$missing"
missing=
for m in $PAGES; do
    [ -f "$DESTDIR$MANDIR/man${m##*.}/$(basename "$m")" ] || missing="$missing $m"
done
[ -z "$missing" ]
say $? "every manual page is installed$missing"

# Each header compiles alone, as C and, the plugin's, as C++.
PKG_CONFIG_PATH=$DESTDIR$LIBDIR/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}; export PKG_CONFIG_PATH
pc() { pkg-config --define-variable=prefix="$DESTDIR$PREFIX" --define-variable=exec_prefix="$DESTDIR$PREFIX" \
    --define-variable=libdir="$DESTDIR$LIBDIR" --define-variable=includedir="$DESTDIR$INCLUDEDIR" "$@" spinney-plugin; }
bad=
for h in $HEADERS; do
    printf '#include "%s"\n' "$DESTDIR$INCLUDEDIR/spinney-1/$h" > "$work/h.c"
    $CC -std=gnu11 -Wall -Werror $(pc --cflags) -fsyntax-only "$work/h.c" 2> "$work/err" || bad="$bad $h"
done
[ -z "$bad" ]
say $? "every public header compiles alone$bad"
if command -v c++ > /dev/null 2>&1; then
    printf '#include <spinney/plugin.h>\nint main() { return 0; }\n' > "$work/h.cc"
    c++ $(pc --cflags) -fsyntax-only "$work/h.cc" 2> "$work/err"
    say $? "the plugin header is C++"
    sed 's/^/    /' "$work/err"
fi
[ "$(pc --variable=abi)" = 1.0 ] && [ -n "$(pc --variable=plugindir)" ]
say $? "spinney-plugin.pc names the plugin folder and the ABI"

if [ -f "$DESTDIR$LIBDIR/libspinney.so" ]; then
    mkdir "$work/plugins"
    $CC -shared -fPIC $(pc --cflags) -o "$work/plugins/hello.so" "$SRCDIR/tests/plugin_outside/hello.c" $(pc --libs) \
        -ljansson -Wl,-z,defs -Wl,-z,now > "$work/err" 2>&1
    say $? "a plugin is built out of the tree"
    sed 's/^/    /' "$work/err"
    [ "$("$spinney" -q --plugin-dir "$work/plugins" hello 2>&1)" = hello ]
    say $? "and runs"
fi

# Moved elsewhere, all is found from the program's own place.
if [ -n "$PREFIX" ] && [ "$DESTDIR$PREFIX" != /usr ] && [ "$DESTDIR$PREFIX" != /usr/local ] && [ "$DESTDIR$PREFIX" != / ]; then
    cp -a "$DESTDIR$PREFIX" "$work/moved"
    moved=$work/moved/${BINDIR#"$PREFIX"/}/spinney
    "$moved" -q plugins > "$work/out" 2>&1 && ! grep -q refused "$work/out" && [ -s "$work/out" ]
    say $? "moved to another prefix: plugins load"
    [ "$("$moved" -q papers | wc -l)" -eq 61 ]
    say $? "moved to another prefix: data is found"
    "$moved" -q doctor | grep -q "^own data	ok	$work/moved/"
    say $? "moved to another prefix: its own data, not the first tree's"
fi
exit $failed

# lib.sh - a scripted server for the tests of the remote engine.  Sourced after app/lib.sh.
server=$SPINNEY_BUILDDIR/tool_server
server_pid=
# No test goes through the proxy of who runs it.
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY SPINNEY_API_KEY

# serve OPTION=VALUE…: starts a server; $url is its address, $work/log what it saw.
serve() {
    rm -f "$work/port" "$work/log"
    "$server" "$work/port" "$work/log" "$@" &
    server_pid=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$work/port" ] && break
        sleep 0.05
    done
    port=$(cat "$work/port")
    url=http://127.0.0.1:$port/v1
}
unserve() {
    [ -z "$server_pid" ] || { kill "$server_pid" 2> /dev/null; wait "$server_pid" 2> /dev/null; }
    server_pid=
}
trap 'unserve; rm -rf "$work"' EXIT

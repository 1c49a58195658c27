# fish completion of spinney; the words come from the program's own tables.
function __spinney_words
    set -l tokens (commandline -opc)
    set -l command
    for t in $tokens[2..-1]
        if not string match -q -- '-*' $t
            set command $t
            break
        end
    end
    set -l before $tokens[-1]
    if test -z "$command"
        spinney -q help --words 2>/dev/null
    else if string match -q -- '--*' $before
        spinney -q help --words $command --value-of (string sub -s 3 -- $before) 2>/dev/null
    else
        spinney -q help --words $command 2>/dev/null
    end
end
complete -c spinney -a '(__spinney_words)'

# Completes `animus` in fish. `animus completion fish` prints this before the tables that use it.
# No Node is started: agents are the folders of the home.

function __animus_agents
    set -l home $HOME/animus
    test -n "$ANIMUS_HOME"; and set home $ANIMUS_HOME
    set -l typed (commandline -ct)
    for folder in $home/agent-*/
        set -l name (string replace -r '.*/(agent-[^/]+)/$' '$1' -- $folder)
        echo $name
        # With or without `agent-`; with it while nothing is typed yet.
        test -n "$typed"; and string replace -r '^agent-' '' -- $name
    end
end

# Whether the next word of this command is the nth; its options that take a value follow.
function __animus_at -a command place
    set -l words (commandline -opc)
    test "$words[2]" = $command; or return 1
    set -l valued $argv[3..-1]
    set -l count 0
    set -l skip 0
    for word in $words[3..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $valued
            set skip 1
        else if not string match -q -- '-*' $word
            set count (math $count + 1)
        end
    end
    test $skip = 0; and test $place = any -o $place = $count
end

complete -c animus -f

#!/bin/sh
# Stands between the supervisor and a Broca, in a process group with it: waits for it and writes down
# how it ended, so that this is known even when no supervisor was there to see.
#
#   broca-shim.sh <status file> <nonce> <members file of a control group, or nothing> <program> <argument>...
#
# The file is read once the shim is gone, so that a half-written one is never met; a rename would cost a
# process, a millisecond before each restart.
#
# Signals that ask to end are for the program alone, which Node hears whatever it inherits. The shim waits for its
# end, and so does the sandbox that may stand between: ended by such a signal, it would kill what is in it at once.
umask 077
status_file=$1
nonce=$2
# Itself, so that the program is in it from its first instruction on.
[ -z "$3" ] || echo 0 >"$3"
shift 3
trap '' TERM INT HUP
"$@"
code=$?
printf '{"nonce":"%s","code":%d}\n' "$nonce" "$code" >"$status_file"
exit "$code"

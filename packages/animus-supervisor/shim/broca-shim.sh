#!/bin/sh
# Stands between the supervisor and a Broca, in a process group with it: waits for it and writes down
# how it ended, so that this is known even when no supervisor was there to see.
#
#   broca-shim.sh <status file> <nonce> <program> <argument>...
#
# The file is read once the shim is gone, so that a half-written one is never met; a rename would cost a
# process, a millisecond before each restart.
#
# The program runs in the foreground: a trapped signal then waits for the program's end, where the
# default action would end the shim first and leave the program behind.
umask 077
status_file=$1
nonce=$2
shift 2
trap : TERM INT HUP
"$@"
code=$?
printf '{"nonce":"%s","code":%d}\n' "$nonce" "$code" >"$status_file"
exit "$code"

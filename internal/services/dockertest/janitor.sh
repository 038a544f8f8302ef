#!/bin/sh
# Removes the containers that carry the label $1 once our parent has closed our standard input, or
# died. See ../guard.sh, which does the same for processes.
trap '' HUP INT QUIT TERM PIPE
while read -r _; do :; done
containers=$(docker ps --all --quiet --filter "label=$1")
# shellcheck disable=SC2086 # a word each
[ -z "$containers" ] || docker rm --force --volumes $containers

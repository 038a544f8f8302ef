#!/bin/sh
# Removes the containers labelled $1 once the parent closes standard input or dies. ../guard.sh does
# the same for processes.
trap '' HUP INT QUIT TERM PIPE
while read -r _; do :; done
containers=$(docker ps --all --quiet --filter "label=$1")
# shellcheck disable=SC2086 # one word per container
[ -z "$containers" ] || docker rm --force --volumes $containers

#!/bin/sh
# Cleans up after the servers. $1 is their process group, $2 their folder.
#
# Standard input is a pipe whose other end only the parent holds. It closes when the parent closes
# it or dies, however it dies.
trap '' HUP INT QUIT TERM PIPE
while read -r _; do :; done

# SIGCONT wakes servers paused by SIGSTOP, so that they handle the next signal. SIGINT stops both
# Postgres and Redis quickly and in order. An empty group can't be joined, so a server that was
# starting when the parent died is either in the group here or never runs.
kill -s CONT -- "-$1" 2>/dev/null
for step in "INT 40" "KILL 10"; do
	kill -s "${step% *}" -- "-$1" 2>/dev/null || break
	tries=${step#* }
	while [ "$tries" -gt 0 ] && kill -s 0 -- "-$1" 2>/dev/null; do
		sleep 0.05
		tries=$((tries - 1))
	done
done

# Postgres's child processes write files for a moment after it ends.
tries=20
until rm -rf -- "$2" 2>/dev/null || [ "$tries" -eq 0 ]; do
	sleep 0.05
	tries=$((tries - 1))
done
[ ! -e "$2" ]

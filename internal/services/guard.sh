#!/bin/sh
# Runs beside the servers and clears up after them. $1 is their process group, $2 their folder.
#
# Standard input is a pipe whose other end only our parent holds: it ends when the parent closes
# it, and also when the parent is killed, however that happened.
trap '' HUP INT QUIT TERM PIPE
while read -r _; do :; done

# A server that was stopped by SIGSTOP must wake up to be told. SIGINT is a quick and orderly end
# for Postgres and Redis alike. An empty group can't be joined any more, so that a server whose
# start was under way when the parent died is either counted here or never runs.
kill -s CONT -- "-$1" 2>/dev/null
for step in "INT 40" "KILL 10"; do
	kill -s "${step% *}" -- "-$1" 2>/dev/null || break
	tries=${step#* }
	while [ "$tries" -gt 0 ] && kill -s 0 -- "-$1" 2>/dev/null; do
		sleep 0.05
		tries=$((tries - 1))
	done
done

# Postgres' children leave a moment after it, and write until then.
tries=20
until rm -rf -- "$2" 2>/dev/null || [ "$tries" -eq 0 ]; do
	sleep 0.05
	tries=$((tries - 1))
done
[ ! -e "$2" ]

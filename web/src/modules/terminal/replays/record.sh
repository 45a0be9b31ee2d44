#!/bin/sh
# Records mc, nano and htop at work, in a terminal of 80 columns and 24 rows, in folders and processes of their own:
# nothing of this machine gets into a recording. As root, with these programs installed: sh record.sh
# Then write the cases anew: see crates/clarateach-workspace/src/terminal/model/tests/fixtures.rs.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/recording.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/class/first" "$work/class/zweite Stunde" "$work/home"
for number in 1 2 3 4 5 6; do
  seq -f "line %g of the täxt 世界 👍" 1 $((number * 20)) > "$work/class/file-$number.txt"
done

# Keys come from standard input, a pause after each line.
type_slowly() {
  sleep 1
  while IFS= read -r keys; do
    printf "%b" "$keys"
    sleep 0.3
  done
}

# record NAME COMMAND: the program is ended when its keys are over.
record() {
  start="stty cols 80 rows 24; cd $work/class; export HOME=$work/home TERM=xterm-256color LANG=C.UTF-8 USER=learner; exec $2"
  type_slowly | timeout 12 unshare --pid --fork --mount --uts --mount-proc \
    script -qfec "hostname seat; $start" /dev/null > "$here/$1.out" || true
}

record mc "mc --nosubshell --color" <<'KEYS'
\033OB\033OB\033OB
\t
\033OB\033OB
\0339
\033OB\033OB
\033\033
\0333
\033[6~
\033\033
KEYS

record nano "nano --ignorercfiles --linenumbers file-3.txt" <<'KEYS'
\033[6~
one more wörd 日本\r
\027line 9\r
\013\013
\033[5~
\030
KEYS

record htop "htop --delay=5" <<'KEYS'
\033OB
t
\033OQ
\033\033
\0333
sh
\033\033
KEYS

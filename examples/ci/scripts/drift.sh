#!/bin/sh
# Says whether the cloud is as the files say: 0 yes, 2 no, anything else: it could not be found out.
set -eu
out=${OUT:-rulekeep-out}
mkdir -p "$out"
status=0
rulekeep drift -o text -o "markdown=$out/drift.md" -o "junit=$out/drift.xml" || status=$?
case $status in
0) echo "no drift" ;;
2) echo "drift: see above" ;;
*) echo "whether there is drift could not be found out" ;;
esac
exit "$status"

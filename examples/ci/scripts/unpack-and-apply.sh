#!/bin/sh
# For CI systems that hand the files of a plan over as one archive: unpack-and-apply.sh ARCHIVE FOLDER puts them into FOLDER, where
# .rulekeep (journals, undo files, the lock) stays from apply to apply, and applies the plan in it, or nothing.
set -eu
archive=$1
folder=$2
mkdir -p "$folder"
# One at a time, also while files are exchanged: the lock is the system's and ends with this script.
exec 9>"$folder.lock"
flock --wait 600 9
# What the archive does not have is not declared any more.
for name in rulekeep.yaml rules ci rulekeep-out; do
    rm -rf "${folder:?}/$name"
done
tar --extract --gzip --no-same-owner --file "$archive" --directory "$folder"
cd "$folder"
exec ci/scripts/apply.sh rulekeep-out/plan.json

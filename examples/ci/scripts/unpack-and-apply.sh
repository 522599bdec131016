#!/bin/sh
# For CI systems that hand the files of a plan over as one archive: unpack-and-apply.sh ARCHIVE FOLDER puts them into FOLDER, where
# .rulekeep (journals, undo files, the lock) stays from apply to apply, and applies the plan in it, or nothing. The archive goes.
# Each run needs an archive of its own: one that another run can write over holds that one's plan.
set -eu
archive=$1
folder=$2
mkdir -p "$folder"
# One at a time, also while files are exchanged: the lock is the system's and ends with this script.
exec 9>"$folder.lock"
flock --wait 600 9
# Beside the folder first: an archive that cannot be read changes nothing.
new=$folder.new
rm -rf "$new"
mkdir "$new"
tar --extract --gzip --no-same-owner --file "$archive" --directory "$new"
[ -f "$new/rulekeep-out/plan.json" ] || {
    echo "$archive holds no rulekeep-out/plan.json" >&2
    exit 1
}
# What the archive does not have is not declared any more, and what is the program's own stays.
for name in rulekeep.yaml rules ci rulekeep-out; do
    rm -rf "${folder:?}/$name"
    [ ! -e "$new/$name" ] || mv "$new/$name" "$folder/$name"
done
rm -rf "$new" "$archive"
cd "$folder"
exec ci/scripts/apply.sh rulekeep-out/plan.json

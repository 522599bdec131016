#!/bin/sh
# Puts rulekeep on the PATH of the job, unless it is there (an image of your own): from RULEKEEP_URL, a .tar.gz with the program in it,
# which must have the checksum RULEKEEP_SHA256.
set -eu
command -v rulekeep >/dev/null 2>&1 && exit 0
url=${RULEKEEP_URL:?a .tar.gz with the program}
sum=${RULEKEEP_SHA256:?the checksum of that file}
folder=${RULEKEEP_BIN:-$HOME/.local/bin}
archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$archive" "$url"
echo "$sum  $archive" | sha256sum --check --quiet -
mkdir -p "$folder"
tar --extract --gzip --file "$archive" --directory "$folder" rulekeep
if [ -n "${GITHUB_PATH:-}" ]; then echo "$folder" >>"$GITHUB_PATH"; fi
"$folder/rulekeep" version

#!/bin/sh
# Runs a program while a commit is the newest of its branch: newest.sh COMMIT BRANCH PROGRAM [ARGUMENT..]. A job that ran late would
# bring an older state back: where the branch has moved on, the program is not run, and the job of the newer commit does it.
# FETCH_TOKEN: a token that may read the repository, where the checkout has kept none.
set -eu
commit=$1
branch=$2
shift 2
if [ -n "${FETCH_TOKEN:-}" ]; then
    # In the environment, so that no list of processes shows it.
    basic=$(printf 'x-access-token:%s' "$FETCH_TOKEN" | base64 | tr -d '\n')
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0="Authorization: Basic $basic"
fi
newest=$(git ls-remote --exit-code origin "refs/heads/$branch") || {
    echo "the newest commit of $branch cannot be asked for, so nothing is done" >&2
    exit 1
}
unset FETCH_TOKEN GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
newest=${newest%%[!0-9a-f]*}
if [ "$newest" != "$commit" ]; then
    echo "$commit is no longer the newest commit of $branch, which is $newest: nothing is done here, the job of that one does it"
    exit 0
fi
exec "$@"

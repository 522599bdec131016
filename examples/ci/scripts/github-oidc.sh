#!/bin/sh
# Writes the job's OIDC token where rulekeep looks for it. The job needs `permissions: { id-token: write }`; the RAM role trusts tokens
# of this repository (and, for apply, of its environment) only. No key of the cloud is kept anywhere.
set -eu
file=${RUNNER_TEMP:?set in jobs of GitHub Actions}/oidc-token
audience=${OIDC_AUDIENCE:-sts.aliyuncs.com}
umask 077
curl --fail --silent --show-error --retry 3 \
    --header "Authorization: bearer ${ACTIONS_ID_TOKEN_REQUEST_TOKEN:?permissions: id-token: write}" \
    "${ACTIONS_ID_TOKEN_REQUEST_URL:?permissions: id-token: write}&audience=$audience" |
    jq --exit-status --raw-output --join-output .value >"$file"
echo "ALIBABA_CLOUD_OIDC_TOKEN_FILE=$file" >>"${GITHUB_ENV:?}"

#!/usr/bin/env bash
# Attaches each signed bundle to its image in the registry. Nothing is signed here, and no token for signing is in this job.
# Reads IMAGE or HIDDEN_IMAGE with DIGEST, or IMAGES; BUNDLES, what the signing job gave out; FOLDER, where its files lie;
# REGISTRY_USERNAME and REGISTRY_PASSWORD. Writes the output attached.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -n "$REGISTRY_PASSWORD" ] || refuse 'expected the secret registry-password beside registry-username, found none'
image_lines

# One entry for each registry. The password stays out of every command line.
umask 077
mkdir "$RUNNER_TEMP/sealmark-registry"
export REGISTRY_AUTH_FILE=$RUNNER_TEMP/sealmark-registry/auth.json
export REGISTRY_USERNAME REGISTRY_PASSWORD
jq -nR '[inputs | split("  ")[1] | split("/")[0] | if test("[.:]") or . == "localhost" then . else "docker.io" end]
    | {auths: (map({key: ., value: {auth: ("\(env.REGISTRY_USERNAME):\(env.REGISTRY_PASSWORD)" | @base64)}}) | from_entries)}' \
    <<<"$lines" >"$REGISTRY_AUTH_FILE"
unset REGISTRY_USERNAME REGISTRY_PASSWORD

number=0
while IFS= read -r line; do
    digest=${line%% *} image=${line#*  }
    row=$(jq -er --argjson number "$number" '.[$number] | [.digest, .file, .sha256] | join(" ")' <<<"$BUNDLES") ||
        refuse 'expected a bundle for each image, found fewer'
    read -r signed file sum <<<"$row"
    file_name "$file" || refuse 'expected the plain name of a file, found something else'
    [ "$signed" = "sha256:$digest" ] || refuse "expected the bundle of sha256:$digest, found that of $signed"
    [ "$(sha256 "$FOLDER/$file")" = "$sum" ] || refuse "expected $file as it was signed, found another file"
    sealmark attach "$image@sha256:$digest" --bundle="$FOLDER/$file"
    number=$((number + 1))
done <<<"$lines"
output attached true

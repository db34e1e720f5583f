#!/usr/bin/env bash
# Signs provenance about container images by their digests; one bundle for each. No registry is asked.
# Reads IMAGE or HIDDEN_IMAGE with DIGEST, or IMAGES, and what common.sh names.
# Writes the outputs bundles, folder and artifact-name.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

image_lines

out=$RUNNER_TEMP/sealmark-provenance
config=$RUNNER_TEMP/sealmark-services
work=$RUNNER_TEMP/sealmark-images
mkdir "$out" "$config" "$work"
service_flags "$config"
build_flags

cd "$work" # nothing lies here that sealmark could take for a source
number=0
bundles='[]'
printf '### Provenance\n\n' >>"$GITHUB_STEP_SUMMARY"
while IFS= read -r line; do
    number=$((number + 1))
    digest=${line%% *}
    file=$number-sha256-$digest.sigstore.json
    printf '%s\n' "$line" >"$work/$number.sha256"
    sealmark attest "${build[@]}" ${services[@]+"${services[@]}"} --output="$out/$file" --output-format=bundle "@$work/$number.sha256"
    sum=$(sha256 "$out/$file")
    bundles=$(jq -c --arg digest "sha256:$digest" --arg file "$file" --arg sum "$sum" '. + [{digest: $digest, file: $file, sha256: $sum}]' <<<"$bundles")
    # shellcheck disable=SC2016 # Markdown
    printf -- '- `%s`, sha256 `%s`\n' "$file" "$sum" >>"$GITHUB_STEP_SUMMARY"
done <<<"$lines"

output bundles "$bundles" folder "$out" artifact-name "sealmark-provenance-$(random)"

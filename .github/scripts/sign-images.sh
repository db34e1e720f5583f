#!/usr/bin/env bash
# Signs provenance about container images by their digests; one bundle for each. No registry is asked.
# Reads IMAGE or HIDDEN_IMAGE with DIGEST, or IMAGES, and what common.sh names.
# Writes the outputs bundles, folder and artifact-name.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Most images of one run.
MAX_IMAGES=100

if [ -n "$IMAGES" ]; then
    [ -z "$IMAGE$HIDDEN_IMAGE$DIGEST" ] || refuse 'expected either images or one image with its digest, found both'
    list=$IMAGES
else
    [ -z "$IMAGE" ] || [ -z "$HIDDEN_IMAGE" ] || refuse 'expected the image as an input or as a secret, found both'
    list=$(jq -n --arg image "$IMAGE$HIDDEN_IMAGE" --arg digest "$DIGEST" '[{image: $image, digest: $digest}]')
fi
# Names as the registries' specification has them, without tag and digest; every object has these two keys and no other.
name='\A[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)+\z'
lines=$(jq -er --arg name "$name" --argjson max "$MAX_IMAGES" '
    if type == "array" and length >= 1 and length <= $max and (unique | length) == length and all(.[];
        type == "object" and keys == ["digest", "image"] and all(.[]; type == "string")
        and (.image | test($name) and length <= 255) and (.digest | test("\\Asha256:[0-9a-f]{64}\\z")))
    then .[] | "\(.digest[7:])  \(.image)" else error end' <<<"$list" 2>/dev/null) ||
    refuse "expected 1 to $MAX_IMAGES different images, each a name without a tag and a digest sha256:…, found something else"

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

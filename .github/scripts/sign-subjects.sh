#!/usr/bin/env bash
# Signs provenance about the subjects that choose-subjects.sh found; one bundle about all of them.
# Reads SUBJECTS_KIND, SUBJECTS_FOLDER, SUBJECTS_FILE, SUBJECTS_SHA256, PROVENANCE_NAME and what common.sh names.
# Writes the outputs provenance-name, provenance-sha256, file and artifact-name.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if ! file_name "$PROVENANCE_NAME"; then refuse 'expected the name of a file in provenance-name, found something else'; fi
case $PROVENANCE_NAME in
    *.intoto.jsonl) format=jsonl ;;
    *.sigstore.json | *.sigstore) format=bundle ;;
    *) refuse 'expected a provenance-name that ends in .intoto.jsonl, .sigstore.json or .sigstore, found another' ;;
esac

# The artifact is anybody's; the digest is the building job's.
file=$SUBJECTS_FILE
if [ -z "$file" ]; then
    files=("$SUBJECTS_FOLDER"/*)
    [ ${#files[@]} = 1 ] || refuse "expected one file of subjects in the artifact, found ${#files[@]}"
    file=${files[0]##*/}
fi
subjects=$SUBJECTS_FOLDER/$file
if [ ! -f "$subjects" ] || [ -L "$subjects" ]; then refuse 'expected a file of subjects in the artifact, found none'; fi
sum=$(sha256 "$subjects")
[ "$sum" = "$SUBJECTS_SHA256" ] || refuse "expected the file of subjects with sha256 $SUBJECTS_SHA256, found $sum"

out=$RUNNER_TEMP/sealmark-provenance
config=$RUNNER_TEMP/sealmark-services
mkdir "$out" "$config"
service_flags "$config"
build_flags
case $SUBJECTS_KIND in
    base64) what=(--base64-subjects="@$subjects") ;;
    checksums) what=("@$subjects") ;;
    *) refuse 'expected base64 or checksums as the kind of subjects, found something else' ;;
esac

cd "$out" # nothing lies here that sealmark could take for a source
sealmark attest "${build[@]}" ${services[@]+"${services[@]}"} --output="$out/$PROVENANCE_NAME" --output-format="$format" "${what[@]}"

sum=$(sha256 "$out/$PROVENANCE_NAME")
output provenance-name "$PROVENANCE_NAME" provenance-sha256 "$sum" file "$out/$PROVENANCE_NAME" artifact-name "sealmark-provenance-$(random)"
# shellcheck disable=SC2016 # Markdown
printf '### Provenance\n\n`%s`, sha256 `%s`\n' "$PROVENANCE_NAME" "$sum" >>"$GITHUB_STEP_SUMMARY"

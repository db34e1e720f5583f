#!/usr/bin/env bash
# Says where the subjects are: in the environment, or in an artifact whose digest came as a job output.
# Reads BASE64_SUBJECTS, BASE64_SUBJECTS_AS_FILE, SUBJECTS_ARTIFACT and SUBJECTS_SHA256, of which one form is given.
# Writes the outputs kind (base64 or checksums), sha256, and either file or artifact.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

given=0
for form in "$BASE64_SUBJECTS" "$BASE64_SUBJECTS_AS_FILE" "$SUBJECTS_ARTIFACT"; do
    if [ -n "$form" ]; then given=$((given + 1)); fi
done
[ "$given" = 1 ] || refuse "expected one of base64-subjects, base64-subjects-as-file and subjects-artifact, found $given"
[ -n "$SUBJECTS_ARTIFACT" ] || [ -z "$SUBJECTS_SHA256" ] || refuse 'expected subjects-artifact beside subjects-sha256, found none'

folder=$RUNNER_TEMP/sealmark-subjects
mkdir "$folder"
if [ -n "$BASE64_SUBJECTS" ]; then
    file=subjects.base64
    printf '%s' "$BASE64_SUBJECTS" >"$folder/$file"
    sum=$(sha256 "$folder/$file")
    output kind base64 file "$file" sha256 "$sum"
    exit
fi

kind=checksums artifact=$SUBJECTS_ARTIFACT sum=$SUBJECTS_SHA256 file=''
if [ -n "$BASE64_SUBJECTS_AS_FILE" ]; then
    handle=$(jq -Rer '@base64d | fromjson | objects' <<<"$BASE64_SUBJECTS_AS_FILE") ||
        refuse 'expected the handle of a file in base64-subjects-as-file, found something else'
    field() { jq -er --arg name "$1" '.[$name] | strings' <<<"$handle" || refuse "expected $1 in the handle of a file, found none"; }
    kind=base64
    artifact=$(field artifact_name)
    sum=$(field sha256)
    file=$(field filename)
    file_name "$file" || refuse 'expected the name of a file in the handle of a file, found something else'
fi
[[ $sum =~ ^[0-9a-f]{64}$ ]] || refuse 'expected the sha256 of the file of subjects, in hex, found something else'
[[ $artifact =~ ^[A-Za-z0-9][A-Za-z0-9._\ -]{0,254}$ ]] || refuse 'expected the name of an artifact, found something else'
output kind "$kind" artifact "$artifact" file "$file" sha256 "$sum"

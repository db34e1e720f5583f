#!/usr/bin/env bash
# Runs `sealmark verify` with the inputs of the action, which reach it only as environment variables.
# Writes the outputs verdict, report and sarif, and the report for people to the summary of the job.
set -euo pipefail

refuse() {
    printf '::error title=sealmark::%s\n' "$1" >&2
    exit 2
}

arguments=(--offline)
for name in POLICY SOURCE_URI SOURCE_TAG SOURCE_BRANCH BUILDER_ID SIGNER_WORKFLOW SIGNER_DIGEST CERTIFICATE_IDENTITY CERTIFICATE_OIDC_ISSUER KEY; do
    if [ -n "${!name}" ]; then arguments+=("--$(printf '%s' "$name" | tr 'A-Z_' 'a-z-')=${!name}"); fi
done
for name in BUNDLE TRUST; do
    while IFS= read -r line; do
        if [ -n "$line" ]; then arguments+=("--$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]')=$line"); fi
    done <<<"${!name}"
done
# A word that is neither is never the laxer one.
case $REQUIRE_HOSTED in
    true) arguments+=(--require-hosted) ;;
    false) ;;
    *) refuse 'expected true or false for require-hosted, found something else' ;;
esac
case $FAIL in true | false) ;; *) refuse 'expected true or false for fail, found something else' ;; esac
subjects=()
while IFS= read -r line; do
    if [ -n "$line" ]; then subjects+=("$line"); fi
done <<<"${SUBJECTS?}"
[ ${#subjects[@]} -gt 0 ] || refuse 'expected subjects, one a line, found none'

folder=$(mktemp -d "${RUNNER_TEMP:?}/sealmark-verify.XXXXXX")
status=0
sealmark verify "${arguments[@]}" --format=json --output="$folder/report.json" -- "${subjects[@]}" || status=$?
case $status in
    0) verdict=allowed ;;
    1) verdict=denied ;;
    *) verdict=undecided ;;
esac
printf 'verdict=%s\n' "$verdict" >>"$GITHUB_OUTPUT"
if [ -f "$folder/report.json" ]; then printf 'report=%s\n' "$folder/report.json" >>"$GITHUB_OUTPUT"; fi
# The same once more for other readers; the verdict stays the one above.
sealmark verify "${arguments[@]}" --format=markdown -- "${subjects[@]}" >>"$GITHUB_STEP_SUMMARY" || true
if [ -n "$SARIF" ]; then
    sealmark verify "${arguments[@]}" --format=sarif --output="$folder/report.sarif" -- "${subjects[@]}" || true
    if [ -f "$folder/report.sarif" ]; then
        cp -- "$folder/report.sarif" "$SARIF"
        printf 'sarif=%s\n' "$SARIF" >>"$GITHUB_OUTPUT"
    fi
fi
sealmark verify "${arguments[@]}" -- "${subjects[@]}" || true # for the log
if [ "$verdict" != allowed ] && [ "$FAIL" = true ]; then exit "$status"; fi

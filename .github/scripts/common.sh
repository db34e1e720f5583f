# shellcheck shell=bash
# What the scripts of the signing jobs share. They are sourced with the caller's inputs in the environment, and nowhere else.

# Ends the job with one line of why, in which nothing of the caller's can begin a command to the runner.
refuse() {
    local text=${1//%/%25}
    text=${text//$'\r'/%0D}
    printf '::error title=sealmark::%s\n' "${text//$'\n'/%0A}" >&2
    exit 1
}

# Outputs of the step, as NAME VALUE pairs of one line each.
output() {
    while [ $# -gt 0 ]; do
        case $2 in *$'\n'* | *$'\r'*) refuse "expected one line as the output $1, found several" ;; esac
        printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
        shift 2
    done
}

# The sha256 of a file, in hex.
sha256() {
    local line
    if command -v sha256sum >/dev/null; then line=$(sha256sum <"$1"); else line=$(shasum -a 256 <"$1"); fi
    printf '%s' "${line%% *}"
}

# Whether a text is the plain name of a file: no folder, no option, no hidden file, at most 200 bytes.
file_name() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$ ]]; }

# The flags that say which services sign, in the array `services`. Files go to the folder given.
service_flags() {
    services=()
    local name
    for name in ALLOW_PUBLIC_LOG PRIVATE_INSTANCE; do
        case ${!name} in
            true) services+=("$(flag "$name")") ;;
            false) ;;
            *) refuse "expected true or false for $name, found something else" ;;
        esac
    done
    for name in FULCIO_URL REKOR_URL REKOR_VERSION TIMESTAMP_URL; do
        if [ -n "${!name}" ]; then services+=("$(flag "$name")=${!name}"); fi
    done
    if [ -n "$SIGNING_CONFIG" ]; then
        decode SIGNING_CONFIG "$1/signing_config.json"
        services+=(--signing-config="$1/signing_config.json")
    fi
    if [ -n "$TRUSTED_ROOT" ]; then
        decode TRUSTED_ROOT "$1/trusted_root.json"
        services+=(--trust="$1/trusted_root.json")
    fi
}

# ALLOW_PUBLIC_LOG to --allow-public-log.
flag() { printf -- '--%s' "$1" | tr 'A-Z_' 'a-z-'; }

# The base64 text of a variable to a file.
decode() {
    printf '%s' "${!1}" | base64 --decode >"$2" 2>/dev/null || refuse "expected base64 in $(flag "$1" | cut -c3-), found something else"
}

# What the run is about, in the array `build`: never a checkout, never anything that lies around.
build_flags() {
    case $GITHUB_FORM in
        github | complete) ;;
        *) refuse 'expected github or complete as github-form, found something else' ;;
    esac
    build=(--platform=github --github-form="$GITHUB_FORM" --dependencies=none)
    local line
    while IFS= read -r line; do
        if [ -n "$line" ]; then build+=(--mask="$line"); fi
    done <<<"$MASK"
    # An empty variable is not the same as none.
    if [ -z "${SEALMARK_VARS:-}" ]; then unset SEALMARK_VARS; fi
}

# 16 random bytes in hex: nobody who runs beside this job can have made an artifact of that name before.
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Most images of one run.
MAX_IMAGES=100

# The images of the inputs, in `lines`: DIGEST  NAME on each, the digest in hex.
image_lines() {
    local list name
    if [ -n "$IMAGES" ]; then
        [ -z "$IMAGE$HIDDEN_IMAGE$DIGEST" ] || refuse 'expected either images or one image with its digest, found both'
        list=$IMAGES
    else
        [ -z "$IMAGE" ] || [ -z "$HIDDEN_IMAGE" ] || refuse 'expected the image as an input or as a secret, found both'
        list=$(jq -n --arg image "$IMAGE$HIDDEN_IMAGE" --arg digest "$DIGEST" '[{image: $image, digest: $digest}]')
    fi
    # Names as the registries' specification has them, without tag and digest; every object has these two keys and no other.
    name='\A[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)+\z'
    # shellcheck disable=SC2034 # whoever sources this reads it
    lines=$(jq -er --arg name "$name" --argjson max "$MAX_IMAGES" '
        if type == "array" and length >= 1 and length <= $max and (unique | length) == length and all(.[];
            type == "object" and keys == ["digest", "image"] and all(.[]; type == "string")
            and (.image | test($name) and length <= 255) and (.digest | test("\\Asha256:[0-9a-f]{64}\\z")))
        then .[] | "\(.digest[7:])  \(.image)" else error end' <<<"$list" 2>/dev/null) ||
        refuse "expected 1 to $MAX_IMAGES different images, each a name without a tag and a digest sha256:…, found something else"
}

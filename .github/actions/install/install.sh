#!/usr/bin/env bash
# Puts sealmark of the commit that this script belongs to on the PATH of the job's later steps.
# A binary is downloaded when releases.txt lists one for this machine that was made from exactly this source, and its digest
# must be the listed one. Otherwise the source beside this script is built. Reads REPOSITORY (OWNER/NAME).
# Writes the outputs path and source.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)

refuse() {
    printf '::error title=sealmark::%s\n' "$1" >&2
    exit 1
}

if command -v sha256sum >/dev/null; then hasher=(sha256sum); else hasher=(shasum -a 256); fi

# One digest over everything that a build reads.
source_digest() {
    (
        cd -- "$root"
        find Cargo.toml Cargo.lock docs/errors.md src schemas -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 "${hasher[@]}" | "${hasher[@]}" | cut -d ' ' -f 1
    )
}

field() { awk -F '"' -v key="$1" '$1 ~ "^" key " *= *$" { print $2; exit }' "$root/Cargo.toml"; }

case $(uname -s)-$(uname -m) in
    Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
    Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
    Darwin-x86_64) target=x86_64-apple-darwin ;;
    Darwin-arm64) target=aarch64-apple-darwin ;;
    *) refuse "expected Linux or macOS on x86_64 or arm64, found $(uname -s) on $(uname -m): sealmark does not build there" ;;
esac
version=$(field version)
toolchain=$(field rust-version)
if [ -z "$version" ] || [ -z "$toolchain" ]; then refuse 'expected a version and a rust-version in Cargo.toml, found none'; fi
digest=$(source_digest)

folder=${RUNNER_TEMP:?}/sealmark-bin
mkdir "$folder" || refuse 'expected to install sealmark once in a job, found it installed'
listed=$(awk -v version="$version" -v target="$target" -v source="$digest" '$1 == version && $2 == target && $4 == source { print $3 }' "$here/releases.txt")
if [ -n "$listed" ] && [ -n "${REPOSITORY:-}" ]; then
    url=${GITHUB_SERVER_URL:-https://github.com}/$REPOSITORY/releases/download/v$version/sealmark-$version-$target
    printf 'downloading %s\n' "$url"
    curl --silent --show-error --fail --location --retry 3 --max-time 300 --output "$folder/sealmark" "$url" ||
        refuse "expected the binary that releases.txt lists, found none at $url"
    found=$("${hasher[@]}" <"$folder/sealmark")
    found=${found%% *}
    if [ "$found" != "$listed" ]; then
        rm -- "$folder/sealmark"
        refuse "expected a binary with sha256 $listed, found $found"
    fi
    how=release
else
    printf 'building sealmark %s from source with Rust %s\n' "$version" "$toolchain"
    unset RUSTFLAGS RUSTDOCFLAGS RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET RUSTUP_TOOLCHAIN
    cd -- "$root" # the configuration of cargo in the job's own checkout has no say
    rustup toolchain install "$toolchain" --profile minimal --no-self-update
    cargo "+$toolchain" build --locked --release --bin sealmark --target-dir "$RUNNER_TEMP/sealmark-target"
    cp -- "$RUNNER_TEMP/sealmark-target/release/sealmark" "$folder/sealmark"
    how=build
fi
chmod 0755 "$folder/sealmark"
"$folder/sealmark" --version
printf '%s\n' "$folder" >>"$GITHUB_PATH"
printf 'path=%s\nsource=%s\n' "$folder/sealmark" "$how" >>"$GITHUB_OUTPUT"

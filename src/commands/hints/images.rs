//! Advice about images, their registries and lists of them.

/// What the user can do about a code.
pub(super) fn of(code: &str) -> Option<&'static str> {
    Some(match code {
        "registry-unavailable" | "registry-throttled" => {
            "nothing was decided: try again later, give --registry-timeout more seconds, or ask less with --registry-rate"
        }
        "registry-unauthorized" | "registry-denied" => {
            "log in with docker login or podman login, and check the spelling: some registries say so of what is not there"
        }
        "registry-answer-invalid" | "image-content-digest" | "image-content-size" => {
            "the registry, or a proxy in between, sent something else than was asked for; do not use the image until it is known why"
        }
        "image-missing" => "check the spelling of the tag or digest, and that it was pushed to this repository",
        "image-offline" => "copy the image to a layout first, and name oci-layout:DIR",
        "image-platform-missing" | "image-platform-ambiguous" => {
            "name one of the platforms that are there, or the image by its digest"
        }
        "index-not-attested" => {
            "attest the index, by the digest that the push of it printed, or verify the image that is used with --platform"
        }
        "images-empty" => "--images-from takes one reference a line, --manifests objects of Kubernetes with containers",
        "manifest-alias" => "write the values out; kubectl create --dry-run=client -o yaml -f FILE does",
        _ => return None,
    })
}

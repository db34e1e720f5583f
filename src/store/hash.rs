//! Artifact files to digests, in one streaming pass.

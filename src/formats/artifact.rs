//! What a user names to be verified or attested, and an artifact with its digests.

//! One file for each kind of builder: verified attestation to normalised facts.

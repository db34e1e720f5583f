//! Public keys and raw signature checks.

//! The one way from an unverified bundle to a verified attestation.
mod shape;
mod time;
mod certificate;
mod log;
mod signature;
mod statement;
mod binding;
mod identity;
mod attestation;

//! The one way from an unverified bundle to a verified attestation.
mod attestation;
mod binding;
mod certificate;
mod identity;
mod log;
mod shape;
mod signature;
mod statement;
mod time;

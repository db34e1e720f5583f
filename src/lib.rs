//! Makes SLSA provenance, signs it, and decides whether to believe it.
//!
//! Bytes come in at the bottom and are only [`formats`]. One function, [`verify::Verifier::verify`], turns unverified
//! bytes into a [`verify::VerifiedAttestation`], and nothing else can make one. A builder ([`builders`]) reads facts out
//! of it, a policy ([`policy`]) judges them, a report ([`report`]) shows the judgement. Everything that decides is pure:
//! time, keys and bytes are arguments. What touches the world is a thin shell around that.
//!
//! A mismatch is a *verdict*; an error means *could not decide*; nothing weaker ever happens after an error.

pub mod builders;
pub mod formats;
pub mod generate;
pub mod policy;
pub mod report;
pub mod trust;
pub mod verify;

#[cfg(feature = "cli")]
pub mod assess;
#[cfg(feature = "cli")]
pub mod attest;
#[cfg(feature = "cli")]
pub mod commands;
#[cfg(feature = "cli")]
pub mod remote;
#[cfg(feature = "cli")]
pub mod sign;
#[cfg(feature = "cli")]
pub mod store;
#[cfg(feature = "cli")]
pub mod upgrade;
#[cfg(feature = "cli")]
pub mod workspace;

#[cfg(test)]
mod tidy;

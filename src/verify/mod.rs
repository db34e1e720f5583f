//! The one way from an unverified bundle to a verified attestation or signature.

mod binding;
mod certificate;
mod error;
mod identity;
mod log;
mod message;
mod sct;
mod shape;
mod signature;
mod signed;
mod statement;
mod time;
mod token;
mod unlogged;
mod verified;

use jiff::Timestamp;

use crate::formats::artifact::Artifact;
use crate::formats::bundle::Bundle;
use crate::trust::root::TrustedRoot;
use crate::verify::certificate::ChainVerified;
use crate::verify::log::LogVerified;
use crate::verify::sct::SctChecked;
use crate::verify::signature::SignatureVerified;
use crate::verify::signed::Signed;
use crate::verify::time::TimesVerified;

pub use error::Step;
pub use error::VerifyError;
pub use identity::CertificateIdentity;
pub use identity::Identity;
pub use log::LogEvidence;
pub use log::LogProof;
pub use message::Message;
pub use message::VerifiedSignature;
pub use sct::Publicity;
pub use time::SignedAt;
pub use time::TimeSource;
pub use unlogged::LogDemand;
pub use unlogged::Unlogged;
pub use verified::Authenticated;
pub use verified::Evidence;
pub use verified::VerifiedAttestation;

pub use crate::trust::rings::TrustedKey;

/// What to believe, prepared once for any number of verifications. It holds no clock and does no I/O.
#[derive(Debug)]
pub struct Verifier {
    roots: Vec<TrustedRoot>,
    keys: Vec<TrustedKey>,
    unlogged: Unlogged,
}

impl Verifier {
    /// A verifier that believes these roots, each by itself, and these keys. With neither it believes nothing. What shows
    /// no log entry is refused where the domain runs logs.
    pub fn new(roots: Vec<TrustedRoot>, keys: Vec<TrustedKey>) -> Self {
        Self { roots, keys, unlogged: Unlogged::Refuse }
    }

    /// The same verifier with another answer to attestations that show no log entry.
    pub fn with_unlogged(self, unlogged: Unlogged) -> Self {
        Self { unlogged, ..self }
    }

    /// The roots it believes.
    pub fn roots(&self) -> &[TrustedRoot] {
        &self.roots
    }

    /// Whether every key that it believes signs digests, so that a payload need not be held to be verified.
    pub fn takes_digests(&self) -> bool {
        self.keys.iter().all(|trusted| trusted.key.kind().hash().is_some())
    }

    /// Verifies one bundle for one artifact at the time `now`: [`Verifier::authenticate`], then
    /// [`Authenticated::bind`].
    ///
    /// # Errors
    /// [`VerifyError`]: the bundle is not believed, or it is about something else.
    pub fn verify(
        &self,
        bundle: &Bundle,
        artifact: &Artifact,
        now: Timestamp,
    ) -> Result<VerifiedAttestation, VerifyError> {
        self.authenticate(bundle, now)?.bind(artifact)
    }

    /// Everything about a bundle that does not depend on the artifact, so that it is done once for many artifacts.
    ///
    /// A plain signature comes out as a Statement that says nothing, of a type that only signatures have
    /// ([`crate::formats::predicate_type::SIGNATURE`]): whoever expects anything of a predicate refuses it by its type.
    ///
    /// Each trusted root is tried by itself: a certificate of one domain is never joined with a log or a timestamp of
    /// another. When none succeeds, the refusal that came furthest is returned.
    ///
    /// # Errors
    /// [`VerifyError`] with the step that refused.
    pub fn authenticate(&self, bundle: &Bundle, now: Timestamp) -> Result<Authenticated, VerifyError> {
        self.authenticate_with(bundle, self.unlogged, now)
    }

    /// Whether everything would hold if the lack of a log entry were accepted. It is no belief, and gives none: it says
    /// whether looking for the entry can be worth while.
    ///
    /// # Errors
    /// [`VerifyError`] with the step that refused.
    pub fn but_for_the_log(&self, bundle: &Bundle, now: Timestamp) -> Result<(), VerifyError> {
        self.authenticate_with(bundle, Unlogged::Accept, now).map(|_| ())
    }

    fn authenticate_with(
        &self,
        bundle: &Bundle,
        unlogged: Unlogged,
        now: Timestamp,
    ) -> Result<Authenticated, VerifyError> {
        self.under_some_root(needs_root(bundle), |root| self.authenticate_under(bundle, root, unlogged, now))
    }

    /// What holds under the first root under which it does; without one where none is needed.
    fn under_some_root<T>(
        &self,
        needed: bool,
        verified: impl Fn(Option<&TrustedRoot>) -> Result<T, VerifyError>,
    ) -> Result<T, VerifyError> {
        let mut furthest: Option<VerifyError> = None;
        let alone = self.roots.is_empty() || !needed;
        let roots = if alone { vec![None] } else { self.roots.iter().map(Some).collect() };
        for root in roots {
            match verified(root) {
                Ok(verified) => return Ok(verified),
                Err(error) if furthest.as_ref().is_none_or(|best| error.step() > best.step()) => furthest = Some(error),
                Err(_) => {}
            }
        }
        // `roots` is never empty, so a refusal was recorded.
        Err(furthest.unwrap_or(VerifyError::SignerKind { expected: "a trusted root or key", found: "none" }))
    }

    /// The steps. Each returns a token that only its own file can make; [`Authenticated::new`] takes them all, so a step
    /// that is left out does not compile.
    ///
    /// 1. Shape: the bundle is what its version says, and holds nothing that says nothing.
    /// 2. Time: every timestamp and SET verifies; these are the times that may be believed (RFC 3161; Rekor v1).
    /// 3. Certificate: it leads to an authority of the root at each of those times, for code signing (RFC 5280).
    ///    Where the lack of a log entry is waived and nothing proves a time, at the start of its own validity.
    /// 4. SCT: it was made public, where the domain runs CT logs (RFC 6962 section 3).
    /// 5. Signature: over the DSSE pre-authentication encoding, the digest of a file or the text about an image, by the
    ///    certificate's key or a trusted key that was in use at each of those times.
    /// 6. Log: each entry is in its log's tree, and is about this very envelope or signature (CVE-2022-36056).
    /// 7. Statement: the payload type and `_type` are known ones; a plain signature becomes one that says nothing.
    /// 8. Identity: who signed, from the certificate or the key.
    fn authenticate_under(
        &self,
        bundle: &Bundle,
        root: Option<&TrustedRoot>,
        unlogged: Unlogged,
        now: Timestamp,
    ) -> Result<Authenticated, VerifyError> {
        let (shape, signed) = shape::check(bundle)?;
        let (time, chain, sct, signature, log) = self.signed_under(bundle, &signed, root, unlogged, now)?;
        let statement = statement::check(&signed)?;
        let identity = identity::check(chain, &signature)?;
        Ok(Authenticated::new(bundle, root, (shape, time, sct, signature, log, statement, identity)))
    }

    /// Steps 2 to 6, which are the same whatever was signed.
    fn signed_under(
        &self,
        bundle: &Bundle,
        signed: &Signed<'_>,
        root: Option<&TrustedRoot>,
        unlogged: Unlogged,
        now: Timestamp,
    ) -> Result<Steps, VerifyError> {
        let demand = LogDemand::of(bundle, root, unlogged);
        let time = time::check(bundle, signed.stamped(bundle.version), root, demand, now)?;
        let chain = certificate::check(bundle, root, &time)?;
        let sct = sct::check(&chain, root)?;
        let signature = signature::check(signed, &chain, &time, &self.keys, &bundle.signer)?;
        let log = log::check(bundle, signed, root, &time, &signature)?;
        Ok((time, chain, sct, signature, log))
    }
}

/// What steps 2 to 6 give.
type Steps = (TimesVerified, ChainVerified, SctChecked, SignatureVerified, LogVerified);

/// Whether anything in the bundle can only be judged by a trusted root.
fn needs_root(bundle: &Bundle) -> bool {
    !bundle.signer.certificates().is_empty() || !bundle.log_entries.is_empty() || !bundle.timestamps.is_empty()
}

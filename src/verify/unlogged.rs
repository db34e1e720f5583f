//! Whether an attestation that shows no log entry may be believed, and what became of that question.

use crate::formats::bundle::Bundle;
use crate::trust::root::Transparency;
use crate::trust::root::TrustedRoot;

/// What to do with an attestation that a certificate signed and that shows no log entry, of a domain that runs logs.
/// There is no default: whoever accepts it has to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlogged {
    /// Refuse it, as Sigstore's client specification demands.
    Refuse,
    /// Believe it all the same. Without a timestamp too it is judged at the start of its certificate's validity, which
    /// proves nothing about when it was signed: whoever has the certificate's key signs in its name for ever.
    Accept,
}

/// What the verifier demanded of transparency logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogDemand {
    /// An entry. Of what was believed, at least one verified.
    Entry,
    /// An entry, and the lack of one was accepted ([`Unlogged::Accept`]).
    Waived,
    /// None: the domain runs no log, or a key alone vouches. Entries that are there verified all the same.
    None,
}

impl LogDemand {
    /// What holds for a bundle under a root. A waiver is for the lack of any entry: a bundle that shows one gets no
    /// relief, and a domain without logs has nothing to waive.
    pub(super) fn of(bundle: &Bundle, root: Option<&TrustedRoot>, unlogged: Unlogged) -> Self {
        let logged = root.is_some_and(|root| root.transparency == Transparency::Logged);
        if !logged || bundle.signer.certificates().is_empty() {
            return Self::None;
        }
        match unlogged {
            Unlogged::Accept if bundle.log_entries.is_empty() => Self::Waived,
            Unlogged::Accept | Unlogged::Refuse => Self::Entry,
        }
    }
}

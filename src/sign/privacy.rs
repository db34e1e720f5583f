//! What signing without a key publishes, and whether a source that is not public permits it.
//!
//! A certificate of a public authority goes to a certificate transparency log with the names of repository, workflow and
//! ref in it, before anything is signed; "no entry in Rekor" alone hides nothing. So leave is asked before the first
//! request, and without a [`Permit`] no certificate can be asked for.

use crate::generate::ci::Visibility;
use crate::sign::SignError;

/// Whether the user has said that names may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Not said.
    Withheld,
    /// `--allow-public-log`.
    Given,
}

/// Who can read what the services are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// Anybody, as far as is known.
    Public,
    /// Nobody but those who run it and those whom they let.
    Private,
}

/// Leave to send the names of the source to the services. Only [`ask`] makes one.
#[derive(Debug)]
pub struct Permit(());

/// Hosts of GitHub's private instance, which has no log of either sort (actions/attest, "private repositories"), and the
/// ending of its tenants' hosts.
const PRIVATE_HOSTS: [&str; 2] = ["fulcio.githubapp.com", "timestamp.githubapp.com"];
const PRIVATE_ENDING: &str = ".ghe.com";

/// The instance that services at these addresses are. Unless the user has said that it is private, it counts as public
/// but for GitHub's own, whose hosts are known.
pub fn instance<'a>(said: Instance, addresses: impl IntoIterator<Item = &'a str>) -> Instance {
    let known = |address: &str| {
        let host = address.strip_prefix("https://").and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
        PRIVATE_HOSTS.contains(&host) || host.ends_with(PRIVATE_ENDING)
    };
    let mut addresses = addresses.into_iter().peekable();
    match said {
        Instance::Private => Instance::Private,
        // Of no service nothing is known.
        Instance::Public if addresses.peek().is_some() && addresses.all(known) => Instance::Private,
        Instance::Public => Instance::Public,
    }
}

/// Asks for leave. A source of unknown visibility counts as private.
///
/// # Errors
/// `source-not-public`.
pub fn ask(visibility: Visibility, instance: Instance, consent: Consent) -> Result<Permit, SignError> {
    match (visibility, instance, consent) {
        (Visibility::Public, _, _) | (_, Instance::Private, _) | (_, _, Consent::Given) => Ok(Permit(())),
        (Visibility::Private | Visibility::Unknown, Instance::Public, Consent::Withheld) => {
            Err(SignError::SourceNotPublic { visibility: visibility.name() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leave_is_given_to_public_sources_private_services_and_consent() {
        let code = |visibility, instance, consent| ask(visibility, instance, consent).map(|_| ()).map_err(|e| e.code());
        for visibility in [Visibility::Private, Visibility::Unknown] {
            assert_eq!(code(visibility, Instance::Public, Consent::Withheld), Err("source-not-public"));
            assert_eq!(code(visibility, Instance::Public, Consent::Given), Ok(()));
            assert_eq!(code(visibility, Instance::Private, Consent::Withheld), Ok(()));
        }
        assert_eq!(code(Visibility::Public, Instance::Public, Consent::Withheld), Ok(()));
    }

    #[test]
    fn an_instance_is_public_unless_known_or_said_to_be_private() {
        let of = |addresses: &[&str]| instance(Instance::Public, addresses.iter().copied());
        assert_eq!(of(&["https://fulcio.githubapp.com", "https://timestamp.githubapp.com/api/v1"]), Instance::Private);
        assert_eq!(of(&["https://fulcio.acme.ghe.com:443"]), Instance::Private);
        assert_eq!(of(&[]), Instance::Public);
        for public in [
            "https://fulcio.sigstore.dev",
            "http://127.0.0.1:3000",
            "https://fulcio.githubapp.com.evil.test",
            "http://fulcio.githubapp.com",
        ] {
            assert_eq!(of(&[public]), Instance::Public, "{public}");
            assert_eq!(of(&["https://fulcio.githubapp.com", public]), Instance::Public, "{public}");
            assert_eq!(instance(Instance::Private, [public]), Instance::Private);
        }
    }
}

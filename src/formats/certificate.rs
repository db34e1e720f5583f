//! The view of a signing certificate that verification needs: names, validity, Fulcio extensions, SCTs.

use std::collections::BTreeMap;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_CE_KEY_USAGE;
use const_oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use const_oid::db::rfc6962::CT_PRECERT_SCTS;
use der::Decode;
use der::Encode;
use der::asn1::OctetString;
use der::asn1::Utf8StringRef;
use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsage;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::formats::FormatError;
use crate::formats::sct;
use crate::formats::sct::Sct;

/// Longest certificate that is read, in bytes. Fulcio's have about 1,500.
pub const MAX_BYTES: usize = 64 * 1024;

/// How an extension value of the Fulcio arc is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The bare text, without DER.
    Raw,
    /// A DER UTF8String.
    Der,
}

/// One extension of the Fulcio arc 1.3.6.1.4.1.57264.1 (sigstore/fulcio, docs/oid-info.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the extension of that name")]
pub enum Claim {
    IssuerV1 = 1,
    GithubWorkflowTrigger = 2,
    GithubWorkflowSha = 3,
    GithubWorkflowName = 4,
    GithubWorkflowRepository = 5,
    GithubWorkflowRef = 6,
    Issuer = 8,
    BuildSignerUri = 9,
    BuildSignerDigest = 10,
    RunnerEnvironment = 11,
    SourceRepositoryUri = 12,
    SourceRepositoryDigest = 13,
    SourceRepositoryRef = 14,
    SourceRepositoryIdentifier = 15,
    SourceRepositoryOwnerUri = 16,
    SourceRepositoryOwnerIdentifier = 17,
    BuildConfigUri = 18,
    BuildConfigDigest = 19,
    BuildTrigger = 20,
    RunInvocationUri = 21,
    SourceRepositoryVisibility = 22,
    DeploymentEnvironment = 23,
    TokenSubject = 24,
}

/// last arc, claim, name in reports, form
const CLAIMS: &[(u32, Claim, &str, Form)] = &[
    (1, Claim::IssuerV1, "issuerV1", Form::Raw),
    (2, Claim::GithubWorkflowTrigger, "githubWorkflowTrigger", Form::Raw),
    (3, Claim::GithubWorkflowSha, "githubWorkflowSha", Form::Raw),
    (4, Claim::GithubWorkflowName, "githubWorkflowName", Form::Raw),
    (5, Claim::GithubWorkflowRepository, "githubWorkflowRepository", Form::Raw),
    (6, Claim::GithubWorkflowRef, "githubWorkflowRef", Form::Raw),
    (8, Claim::Issuer, "issuer", Form::Der),
    (9, Claim::BuildSignerUri, "buildSignerUri", Form::Der),
    (10, Claim::BuildSignerDigest, "buildSignerDigest", Form::Der),
    (11, Claim::RunnerEnvironment, "runnerEnvironment", Form::Der),
    (12, Claim::SourceRepositoryUri, "sourceRepositoryUri", Form::Der),
    (13, Claim::SourceRepositoryDigest, "sourceRepositoryDigest", Form::Der),
    (14, Claim::SourceRepositoryRef, "sourceRepositoryRef", Form::Der),
    (15, Claim::SourceRepositoryIdentifier, "sourceRepositoryIdentifier", Form::Der),
    (16, Claim::SourceRepositoryOwnerUri, "sourceRepositoryOwnerUri", Form::Der),
    (17, Claim::SourceRepositoryOwnerIdentifier, "sourceRepositoryOwnerIdentifier", Form::Der),
    (18, Claim::BuildConfigUri, "buildConfigUri", Form::Der),
    (19, Claim::BuildConfigDigest, "buildConfigDigest", Form::Der),
    (20, Claim::BuildTrigger, "buildTrigger", Form::Der),
    (21, Claim::RunInvocationUri, "runInvocationUri", Form::Der),
    (22, Claim::SourceRepositoryVisibility, "sourceRepositoryVisibility", Form::Der),
    (23, Claim::DeploymentEnvironment, "deploymentEnvironment", Form::Der),
    (24, Claim::TokenSubject, "tokenSubject", Form::Der),
];

/// 1.3.6.1.4.1.57264.1
const FULCIO_ARC: &[u32] = &[1, 3, 6, 1, 4, 1, 57264, 1];
/// The type of an otherName SAN that holds a user name: 1.3.6.1.4.1.57264.1.7.
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

impl Claim {
    /// Every claim, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        CLAIMS.iter().map(|row| row.1)
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        CLAIMS.iter().find(|row| row.1 == self).map_or("", |row| row.2)
    }
}

/// The values of the Fulcio extensions of one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<Claim, String>);

impl Claims {
    /// The value of one extension.
    pub fn get(&self, claim: Claim) -> Option<&str> {
        self.0.get(&claim).map(String::as_str)
    }

    /// All values, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Claim, &str)> {
        self.0.iter().map(|(claim, value)| (*claim, value.as_str()))
    }
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum San {
    /// A workload, usually a workflow file at a ref.
    Uri(String),
    /// A person.
    Email(String),
    /// A user name of some domain (Fulcio's otherName).
    Username(String),
}

impl San {
    /// The text of the name, whatever its kind.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Uri(text) | Self::Email(text) | Self::Username(text) => text,
        }
    }
}

/// A parsed signing certificate. Nothing in it is believed.
#[derive(Debug, Clone)]
pub struct SigningCertificate {
    tbs: TbsCertificate,
    /// The one subject alternative name.
    pub san: San,
    /// Fulcio extensions.
    pub claims: Claims,
    /// Embedded SCTs.
    pub scts: Vec<Sct>,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
}

fn invalid(reason: impl ToString) -> FormatError {
    FormatError::Certificate { reason: reason.to_string() }
}

impl SigningCertificate {
    /// Reads a certificate from DER.
    ///
    /// # Errors
    /// `certificate-invalid`: not X.509, an extension twice, no key usage for digital signatures, not exactly one subject alternative name of a kind that
    /// Fulcio issues, a Fulcio extension that is not text in its form, or two issuers that differ. `input-too-large`.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_BYTES {
            return Err(FormatError::TooLarge { what: "certificate", limit: MAX_BYTES, found: bytes.len() });
        }
        let tbs = Certificate::from_der(bytes).map_err(invalid)?.tbs_certificate;
        let extensions = tbs.extensions.as_deref().unwrap_or_default();
        for (n, extension) in extensions.iter().enumerate() {
            if extensions.iter().skip(n + 1).any(|other| other.extn_id == extension.extn_id) {
                return Err(invalid(format_args!("extension {} stands twice", extension.extn_id)));
            }
        }
        signs(extensions)?;
        let time = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(invalid)?;
            Timestamp::from_second(seconds).map_err(invalid)
        };
        Ok(Self {
            san: san(extensions)?,
            claims: claims(extensions)?,
            scts: scts(extensions)?,
            not_before: time(tbs.validity.not_before)?,
            not_after: time(tbs.validity.not_after)?,
            public_key: tbs.subject_public_key_info.to_der().map_err(invalid)?,
            tbs,
        })
    }

    /// The OIDC issuer that vouched for the identity: extension .8, or .1 in older certificates.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get(Claim::Issuer).or_else(|| self.claims.get(Claim::IssuerV1))
    }

    /// The DER of the TBSCertificate without its SCT extension: what the CT log signed (RFC 6962 section 3.2).
    ///
    /// # Errors
    /// `certificate-invalid` when it cannot be encoded again.
    pub fn precertificate_tbs(&self) -> Result<Vec<u8>, FormatError> {
        let mut tbs = self.tbs.clone();
        if let Some(extensions) = &mut tbs.extensions {
            extensions.retain(|extension| extension.extn_id != CT_PRECERT_SCTS);
        }
        tbs.to_der().map_err(invalid)
    }
}

fn find(extensions: &[Extension], id: ObjectIdentifier) -> Option<&[u8]> {
    extensions.iter().find(|extension| extension.extn_id == id).map(|extension| extension.extn_value.as_bytes())
}

/// The key may make digital signatures (RFC 5280 section 4.2.1.3). Fulcio always says so; path building asks only for the
/// extended usage.
fn signs(extensions: &[Extension]) -> Result<(), FormatError> {
    let bytes = find(extensions, ID_CE_KEY_USAGE).ok_or_else(|| invalid("it has no key usage"))?;
    let usage = KeyUsage::from_der(bytes).map_err(invalid)?;
    if usage.digital_signature() { Ok(()) } else { Err(invalid("its key usage is not for digital signatures")) }
}

fn san(extensions: &[Extension]) -> Result<San, FormatError> {
    let bytes =
        find(extensions, ID_CE_SUBJECT_ALT_NAME).ok_or_else(|| invalid("it has no subject alternative name"))?;
    let names = SubjectAltName::from_der(bytes).map_err(invalid)?.0;
    let [name] = names.as_slice() else {
        return Err(invalid(format_args!("expected one subject alternative name, found {}", names.len())));
    };
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Ok(San::Uri(uri.to_string())),
        GeneralName::Rfc822Name(email) => Ok(San::Email(email.to_string())),
        GeneralName::OtherName(other) if other.type_id == OTHER_NAME => {
            let name = other.value.decode_as::<Utf8StringRef<'_>>().map_err(invalid)?;
            Ok(San::Username(name.to_string()))
        }
        _ => Err(invalid("its subject alternative name is no URI, e-mail address or user name")),
    }
}

fn claims(extensions: &[Extension]) -> Result<Claims, FormatError> {
    let mut claims = BTreeMap::new();
    for extension in extensions {
        let arcs: Vec<u32> = extension.extn_id.arcs().collect();
        let Some((last, FULCIO_ARC)) = arcs.split_last() else { continue };
        let Some((_, claim, name, form)) = CLAIMS.iter().find(|row| row.0 == *last) else { continue };
        let bytes = extension.extn_value.as_bytes();
        let text = match form {
            Form::Raw => std::str::from_utf8(bytes).ok(),
            Form::Der => Utf8StringRef::from_der(bytes).ok().map(|text| text.as_str()),
        };
        let text = text.ok_or_else(|| invalid(format_args!("extension {} ({name}) is no text", extension.extn_id)))?;
        claims.insert(*claim, text.to_owned());
    }
    if let (Some(old), Some(new)) = (claims.get(&Claim::IssuerV1), claims.get(&Claim::Issuer))
        && old != new
    {
        return Err(invalid(format_args!("it names two issuers, {old:?} and {new:?}")));
    }
    Ok(Claims(claims))
}

fn scts(extensions: &[Extension]) -> Result<Vec<Sct>, FormatError> {
    let Some(bytes) = find(extensions, CT_PRECERT_SCTS) else { return Ok(Vec::new()) };
    let list = OctetString::from_der(bytes).map_err(invalid)?;
    sct::parse_list(list.as_bytes())
}

//! Identity tokens: holding one so that it is never shown, asking GitHub's token service for one, and judging its claims.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::formats::FormatError;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::jwt::MAX_TOKEN;
use crate::formats::jwt::TokenClaims;
use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::http::Question;
use crate::remote::http::Service;

/// The audience of tokens for Sigstore's public instance.
pub const SIGSTORE_AUDIENCE: &str = "sigstore";

/// Longest answer of a token service, in bytes: a token and a little JSON.
const MAX_ANSWER: usize = 2 * MAX_TOKEN;

/// An identity token (RFC 7519): whoever holds it can have certificates in the name of the job until it ends.
///
/// It has no text form but [`IdToken::secret`], and its memory is wiped when it is dropped.
pub struct IdToken {
    text: Zeroizing<String>,
    claims: TokenClaims,
}

/// Whom a token must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// One of its audiences must be this.
    Is(&'a str),
    /// A private instance decides for itself.
    LeftToTheAuthority,
}

/// Why a token is not used. No text holds the token or any part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The token service gave none.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// It is for somebody else.
    #[error("expected an identity token for the audience {expected:?}, found {found}")]
    Audience {
        /// Audience that is needed.
        expected: String,
        /// Audiences found.
        found: String,
    },
    /// It ended, or does not say when it ends.
    #[error("expected an identity token that is valid at {now}, found {found}")]
    Expired {
        /// The time at which it was looked at.
        now: Timestamp,
        /// When it ended.
        found: String,
    },
    /// It is about nobody: neither an e-mail address nor a subject.
    #[error("expected an identity token with an email or sub claim, found neither")]
    Nobody,
}

impl TokenError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(error) => error.code(),
            Self::Remote(error) => error.code(),
            Self::Audience { .. } => "token-audience",
            Self::Expired { .. } => "token-expired",
            Self::Nobody => "token-nobody",
        }
    }

    /// Whether a service lied. Everything else is a token that cannot be used, or none.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Remote(error) if error.is_refusal())
    }
}

impl IdToken {
    /// Takes a token, with white space around it or not. Its signature is for the certificate authority to check.
    ///
    /// # Errors
    /// `token-invalid`, `input-too-large`, `json-*` of its claims.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, FormatError> {
        let claims = TokenClaims::of_token(&text)?;
        let trimmed = text.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !trimmed.chars().all(plain) {
            return Err(FormatError::Token { reason: "characters that are not base64url".to_owned() });
        }
        let text = if trimmed.len() == text.len() { text } else { Zeroizing::new(trimmed.to_owned()) };
        Ok(Self { text, claims })
    }

    /// The token itself, for the one service that it is for.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// What it says, not believed.
    pub fn claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// What proves possession of a key to Fulcio when it is signed: the e-mail address where the token has one, otherwise
    /// the subject (sigstore/fulcio, fulcio.proto, `proof_of_possession`).
    ///
    /// # Errors
    /// `token-nobody`.
    pub fn identity(&self) -> Result<&str, TokenError> {
        self.claims.text("email").or_else(|| self.claims.subject()).ok_or(TokenError::Nobody)
    }

    /// Whether it may be sent to a certificate authority at `now`: it is for that audience, and has not ended. A token for
    /// another audience opens something else, and is not for a certificate authority to see.
    ///
    /// # Errors
    /// `token-audience`, `token-expired`, `token-nobody`.
    pub fn check(&self, audience: Audience<'_>, now: Timestamp) -> Result<(), TokenError> {
        if let Audience::Is(expected) = audience
            && !self.claims.audiences().contains(&expected)
        {
            let found = listed(&self.claims.audiences());
            return Err(TokenError::Audience { expected: expected.to_owned(), found });
        }
        match self.claims.expires() {
            Some(end) if now < end => {}
            Some(end) => return Err(TokenError::Expired { now, found: format!("one that ended at {end}") }),
            None => return Err(TokenError::Expired { now, found: "one that does not say when it ends".to_owned() }),
        }
        self.identity().map(drop)
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").finish_non_exhaustive()
    }
}

/// Audiences, for an error text. One may be a URL with something in it that nobody should see, so few and short.
fn listed(audiences: &[&str]) -> String {
    let list: Vec<String> =
        audiences.iter().take(4).map(|one| format!("{:?}", crate::remote::http::shown(one))).collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// Asks GitHub's token service for a token (`ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`), given `total`
/// with all attempts. The token that comes back is looked at: it must be for the audience that was asked for.
///
/// # Errors
/// `token-service-*`, `token-invalid`.
pub fn github(url: &str, bearer: &str, audience: &str, total: Duration) -> Result<IdToken, TokenError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let service = Service::signing(Role::TokenService, address, total)?;
    let wanted = format!("audience={}", percent_encoded(audience));
    let query = if query.is_empty() { wanted } else { format!("{query}&{wanted}") };
    let question = Question { query: &query, bearer: Some(bearer), cap: MAX_ANSWER, ..Question::get("") };
    let body = Zeroizing::new(service.ask(&question)?.body);
    let read = || {
        let mut fields = Fields::new(json::parse(&body)?, "")?;
        IdToken::parse(Zeroizing::new(fields.need_string("value")?))
    };
    // What a reader says of bytes that hold a token could repeat some of them.
    let token = read().map_err(|error| service.answer_invalid(error.code()))?;
    if !token.claims.audiences().contains(&audience) {
        let found = format!("one for {}", listed(&token.claims.audiences()));
        return Err(service.answer_mismatch("a token for the audience that was asked for", found).into());
    }
    Ok(token)
}

/// RFC 3986 section 2.3: everything but unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    let one = |byte: u8| match char::from(byte) {
        plain if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => plain.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

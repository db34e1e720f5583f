//! What an OIDC identity token says, read without believing it.
//!
//! A token is a JSON Web Signature in compact form (RFC 7515 section 3.1) over a set of claims (RFC 7519). Its signature
//! is for whoever it is addressed to: a certificate authority checks it and writes the claims into the certificate. Who
//! holds a token reads in it what that certificate will say.

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::json;

/// Longest token that is read, in bytes. Those of CI platforms have one to three thousand.
pub const MAX_TOKEN: usize = 64 * 1024;

/// The claims of a token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenClaims(Map<String, Value>);

impl TokenClaims {
    /// Reads the claims of a token; its signature is not checked. Errors do not repeat the token.
    ///
    /// # Errors
    /// `token-invalid`, `input-too-large`, and those of JSON.
    pub fn of_token(token: &str) -> Result<Self, FormatError> {
        if token.len() > MAX_TOKEN {
            return Err(FormatError::TooLarge { what: "identity token", limit: MAX_TOKEN, found: token.len() });
        }
        let invalid = |reason: &str| FormatError::Token { reason: reason.to_owned() };
        let parts: Vec<&str> = token.trim().split('.').collect();
        let [head, claims, signature] = parts.as_slice() else {
            return Err(invalid(&format!("{} parts between full stops", parts.len())));
        };
        if [head, claims, signature].iter().any(|part| part.is_empty()) {
            return Err(invalid("an empty part"));
        }
        let bytes = base64::decode_url(claims).ok_or_else(|| invalid("claims that are not base64url"))?;
        match json::parse(&bytes)? {
            Value::Object(claims) => Ok(Self(claims)),
            other => Err(invalid(&format!("claims that are {}", json::kind(&other)))),
        }
    }

    /// These claims.
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// A claim that is text; an empty text counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A claim of any type.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Who made the token (`iss`).
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Whom it is about (`sub`).
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// Whom it is for (`aud`): one text or several.
    pub fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// When it ends (`exp`).
    pub fn expires(&self) -> Option<Timestamp> {
        let seconds = self.0.get("exp").and_then(Value::as_i64)?;
        Timestamp::from_second(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &str) -> String {
        use ::base64::Engine as _;
        let encode = |text: &str| ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(claims), encode("signature"))
    }

    #[test]
    fn claims_are_read() {
        let text = r#"{"iss":"https://ci.test","sub":"run","aud":"sigstore","exp":1791113527,"n":7,"empty":""}"#;
        let claims = TokenClaims::of_token(&format!("{}\n", token(text))).unwrap();
        assert_eq!((claims.issuer(), claims.subject()), (Some("https://ci.test"), Some("run")));
        assert_eq!(claims.audiences(), ["sigstore"]);
        assert_eq!(claims.expires().unwrap().as_second(), 1_791_113_527);
        assert_eq!((claims.text("n"), claims.text("empty"), claims.value("n")), (None, None, Some(&json!(7))));
        let several = TokenClaims::of_token(&token(r#"{"aud":["a","b",1]}"#)).unwrap();
        assert_eq!(several.audiences(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_repeated() {
        let good = token("{}");
        let (head, rest) = good.split_once('.').unwrap();
        for bad in [
            "",
            "secret",
            "secret.secret",
            &format!("{good}.x"),
            &format!("{head}..x"),
            &format!("{head}.se+cret.{rest}"),
        ] {
            let error = TokenClaims::of_token(bad).unwrap_err();
            assert_eq!(error.code(), "token-invalid", "{bad}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(TokenClaims::of_token(&token("[]")).unwrap_err().code(), "token-invalid");
        assert_eq!(TokenClaims::of_token(&token(r#"{"a":1,"a":2}"#)).unwrap_err().code(), "json-duplicate-key");
        assert_eq!(TokenClaims::of_token(&"x".repeat(MAX_TOKEN + 1)).unwrap_err().code(), "input-too-large");
    }
}

//! GitHub's token service, and which tokens are used.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use sealmark::remote::token;
use sealmark::remote::token::Audience;
use sealmark::remote::token::IdToken;
use sealmark::remote::token::TokenError;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroizing;

use crate::server::Answer;
use crate::server::Server;

const LONG: Duration = Duration::from_secs(20);

/// A token of these claims.
pub(crate) fn text(claims: &Value) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        encode(r#"{"alg":"RS256"}"#),
        encode(&claims.to_string()),
        encode("a signature that nobody checks")
    )
}

pub(crate) fn read(claims: &Value) -> IdToken {
    IdToken::parse(Zeroizing::new(text(claims))).unwrap()
}

/// The claims of a token that is used.
pub(crate) fn claims() -> Value {
    let end = Timestamp::now() + SignedDuration::from_mins(5);
    json!({ "iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/app:ref:refs/heads/main", "aud": "sigstore", "exp": end.as_second() })
}

fn ask(server: &Server, tail: &str) -> Result<IdToken, TokenError> {
    token::github(&format!("{}{tail}", server.url()), "the-runners-bearer", "sigstore", LONG)
}

#[test]
fn the_token_service_is_asked_as_github_says() {
    let own = text(&claims());
    for (tail, line) in [
        ("/abc//idtoken/1?api-version=2.0", "GET /abc//idtoken/1?api-version=2.0&audience=sigstore"),
        ("/token", "GET /token?audience=sigstore"),
        ("/token/?x=y%20z", "GET /token/?x=y%20z&audience=sigstore"),
    ] {
        let server = Server::answers(vec![Answer::json(200, &json!({ "count": 1, "value": own }))]);
        let token = ask(&server, tail).unwrap();
        assert_eq!(token.secret(), own);
        let asked = server.asked();
        assert_eq!((asked.len(), asked[0].line.as_str()), (1, line));
        assert_eq!(asked[0].header("authorization"), Some("Bearer the-runners-bearer"));
        assert!(asked[0].body.is_empty());
    }
    let server = Server::answers(vec![Answer::json(200, &json!({ "value": own }))]);
    let odd = token::github(&server.url(), "b", "a/b c&d=é", LONG).unwrap_err();
    assert_eq!(odd.code(), "token-service-answer-mismatch");
    assert_eq!(server.asked()[0].line, "GET /?audience=a%2Fb%20c%26d%3D%C3%A9");
}

#[test]
fn what_is_no_token_is_refused_and_not_repeated() {
    let secret = "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM";
    for body in [
        json!({}),
        json!([]),
        json!({ "value": null }),
        json!({ "value": 1 }),
        json!({ "value": secret }),
        json!({ "value": format!("{secret}.{secret}.{secret}") }),
        json!({ "value": format!("{}\"", text(&claims())) }),
        json!({ "value": format!("{}a", "x".repeat(70_000)) }),
    ] {
        let server = Server::answers(vec![Answer::json(200, &body)]);
        let error = ask(&server, "").unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), ("token-service-answer-invalid", false), "{body}");
        assert!(!error.to_string().contains(secret), "{error}");
    }
    let twice = format!(r#"{{"{secret}":1,"{secret}":2}}"#).into_bytes();
    let error = ask(&Server::answers(vec![Answer::Body(200, twice)]), "").unwrap_err();
    assert_eq!(error.code(), "token-service-answer-invalid");
    assert!(!error.to_string().contains(secret), "{error}");
    let other = json!({ "aud": "https://github.com/acme", "sub": "x", "exp": 9_999_999_999_i64 });
    let server = Server::answers(vec![Answer::json(200, &json!({ "value": text(&other) }))]);
    let error = ask(&server, "").unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("token-service-answer-mismatch", true));
    let forbidden = Server::answers(vec![Answer::json(403, &json!({ "message": "the-runners-bearer may not" }))]);
    let error = ask(&forbidden, "").unwrap_err();
    assert_eq!(error.code(), "token-service-status");
    assert!(!error.to_string().contains("bearer"), "{error}");
    let bearer = token::github(&forbidden.url(), "two\nlines", "sigstore", LONG).unwrap_err();
    assert_eq!(bearer.code(), "token-service-url-invalid");
    assert!(!bearer.to_string().contains("two"), "{bearer}");
    let clear = token::github("http://ci.example.org/token", "b", "sigstore", LONG).unwrap_err();
    assert_eq!(clear.code(), "token-service-url-invalid");
}

#[test]
fn a_token_is_for_sigstore_and_has_not_ended() {
    let now = Timestamp::now();
    let check = |claims: &Value, audience| read(claims).check(audience, now).map_err(|error| error.code());
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let sigstore = Audience::Is("sigstore");
    assert_eq!(check(&claims(), sigstore), Ok(()));
    assert_eq!(check(&with("aud", json!(["x", "sigstore"])), sigstore), Ok(()));
    for other in [json!("Sigstore"), json!("sigstore.dev"), json!([]), json!(null), json!({ "sigstore": true })] {
        assert_eq!(check(&with("aud", other.clone()), sigstore), Err("token-audience"), "{other}");
        assert_eq!(check(&with("aud", other), Audience::LeftToTheAuthority), Ok(()));
    }
    for past in
        [json!(now.as_second() - 1), json!(now.as_second() - 600), json!(null), json!("9999999999"), json!(1e300)]
    {
        assert_eq!(check(&with("exp", past.clone()), sigstore), Err("token-expired"), "{past}");
    }
    assert_eq!(check(&with("sub", json!("")), sigstore), Err("token-nobody"));
}

#[test]
fn a_token_is_not_shown() {
    let token = read(&claims());
    assert_eq!(format!("{token:?}"), "IdToken { .. }");
    assert_eq!(token.identity().unwrap(), "repo:acme/app:ref:refs/heads/main");
    let mut person = claims();
    person["email"] = json!("dev@example.com");
    assert_eq!(read(&person).identity().unwrap(), "dev@example.com");
}

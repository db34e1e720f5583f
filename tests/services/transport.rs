//! What every service has in common: attempts, deadline, caps, redirects, refusals that are quoted.

use std::time::Duration;
use std::time::Instant;

use sealmark::remote::RemoteError;
use sealmark::remote::Role;
use sealmark::remote::http::MAX_ATTEMPTS;
use sealmark::remote::http::Question;
use sealmark::remote::http::Service;
use serde_json::json;

use crate::server::Answer;
use crate::server::Server;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(1);
const CAP: usize = 1000;
const SECRET: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ";

/// role, and the codes of unavailable, status and answer
const ROLES: [(Role, [&str; 3]); 4] = [
    (Role::Log, ["log-unavailable", "log-status", "log-answer-invalid"]),
    (Role::CertificateAuthority, ["ca-unavailable", "ca-status", "ca-answer-invalid"]),
    (Role::TimestampAuthority, ["timestamp-unavailable", "timestamp-status", "timestamp-answer-invalid"]),
    (Role::TokenService, ["token-service-unavailable", "token-service-status", "token-service-answer-invalid"]),
];

fn good() -> Answer {
    Answer::json(201, &json!({ "ok": true }))
}

fn ask(role: Role, server: &Server, total: Duration) -> Result<Vec<u8>, RemoteError> {
    let service = Service::signing(role, &server.url(), total).unwrap();
    let question = Question { secret: Some(SECRET), cap: CAP, ..Question::post("path", b"{}") };
    service.ask(&question).map(|reply| reply.body)
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let of_role = |role: Role, unavailable: &str, status: &str| {
        for passing in [429, 500, 502, 503, 504] {
            let server = Server::answers(vec![Answer::Body(passing, Vec::new()), good()]);
            assert_eq!(ask(role, &server, LONG).unwrap(), br#"{"ok":true}"#, "{passing}");
            assert_eq!(server.asked().len(), 2);
        }
        let server = Server::answers(vec![Answer::HangUp, Answer::HangUp, good()]);
        assert_eq!(ask(role, &server, LONG).unwrap(), br#"{"ok":true}"#);
        let down = Server::answers(vec![Answer::Body(503, Vec::new())]);
        assert_eq!(ask(role, &down, LONG).unwrap_err().code(), unavailable);
        assert_eq!(down.asked().len(), usize::try_from(MAX_ATTEMPTS).unwrap());
        for refused in [202, 204, 301, 400, 401, 403, 404, 405, 409, 413, 501] {
            let server = Server::answers(vec![Answer::Body(refused, Vec::new()), good()]);
            let error = ask(role, &server, LONG).unwrap_err();
            assert_eq!((error.code(), error.is_refusal()), (status, false), "{refused}");
            assert_eq!(server.asked().len(), 1);
        }
    };
    std::thread::scope(|scope| {
        for (role, [unavailable, status, _]) in ROLES {
            scope.spawn(move || of_role(role, unavailable, status));
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::answers(vec![good()]);
    let server = Server::answers(vec![Answer::redirect(&elsewhere.url())]);
    assert_eq!(ask(Role::CertificateAuthority, &server, LONG).unwrap_err().code(), "ca-status");
    assert_eq!((server.asked().len(), elsewhere.asked().len()), (1, 0));
}

#[test]
fn the_deadline_holds_however_slowly_it_comes() {
    for (role, [unavailable, ..]) in ROLES {
        for answer in [Answer::Drip, Answer::Late(Duration::from_secs(5), Box::new(good()))] {
            let server = Server::answers(vec![answer]);
            let start = Instant::now();
            assert_eq!(ask(role, &server, SHORT).unwrap_err().code(), unavailable);
            assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        }
    }
    let waits = Server::answers(vec![Answer::Headers(503, "Retry-After: 60\r\n".to_owned(), Vec::new()), good()]);
    assert_eq!(ask(Role::Log, &waits, SHORT).unwrap_err().code(), "log-unavailable");
    assert_eq!(waits.asked().len(), 1);
}

#[test]
fn answers_are_capped() {
    for (role, [_, _, answer]) in ROLES {
        let server = Server::answers(vec![Answer::Endless(CAP)]);
        assert_eq!(ask(role, &server, LONG).unwrap_err().code(), answer);
        let most = Server::answers(vec![Answer::Body(200, vec![b' '; CAP])]);
        assert_eq!(ask(role, &most, LONG).unwrap().len(), CAP);
        let more = Server::answers(vec![Answer::Body(200, vec![b' '; CAP + 1])]);
        assert_eq!(ask(role, &more, LONG).unwrap_err().code(), answer);
    }
}

#[test]
fn a_refusal_says_what_the_service_says_and_no_secret() {
    let text = |message: &str| {
        let server = Server::answers(vec![Answer::json(400, &json!({ "code": 3, "message": message }))]);
        ask(Role::CertificateAuthority, &server, LONG).unwrap_err().to_string()
    };
    assert!(text("There was an error processing the identity token").ends_with("identity token"));
    for part in [SECRET, &SECRET[..40], &SECRET[30..45]] {
        let text = text(&format!("cannot use {part}"));
        assert!(!text.contains(part) && text.contains("repeats a secret"), "{text}");
    }
    assert!(!text("a\u{1b}[2Jb").contains('\u{1b}'));
    // A text of a proxy is not repeated at all.
    let html = Server::answers(vec![Answer::Body(403, b"<html>blocked</html>".to_vec())]);
    assert!(!ask(Role::Log, &html, LONG).unwrap_err().to_string().contains("blocked"));
    // Nor does the endless body of a refusal hold anybody up.
    let endless = Server::answers(vec![Answer::Headers(400, String::new(), vec![b' '; 200_000])]);
    assert_eq!(ask(Role::Log, &endless, LONG).unwrap_err().code(), "log-status");
}

#[test]
fn nobody_there_is_unavailable() {
    let address = Server::answers(vec![good()]).url();
    let service = Service::signing(Role::TokenService, &address, SHORT).unwrap();
    assert_eq!(service.ask(&Question::get("")).unwrap_err().code(), "token-service-unavailable");
}

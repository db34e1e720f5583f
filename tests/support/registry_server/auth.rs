//! Who may do what at a registry: basic authentication, and bearer tokens with a realm of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::registry_server::Auth;
use crate::support::registry_server::State;
use crate::support::registry_server::http::Reply;
use crate::support::registry_server::http::Request;
use crate::support::registry_server::http::parameter;

/// The name of the registry at its token service.
pub const SERVICE: &str = "registry.test";

/// What a token permits.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub value: String,
    /// `repository:NAME:ACTION,…`, separated by blanks.
    pub scope: String,
}

/// Whether a request may do this to a repository, or the demand for credentials.
pub fn check(state: &State, auth: &Auth, url: &str, request: &Request, repo: &str, action: &str) -> Result<(), Reply> {
    let refusal = Reply::refusal(401, "UNAUTHORIZED", "authentication required");
    let given = request.header("authorization").unwrap_or_default();
    match auth {
        Auth::None => Ok(()),
        Auth::Basic { user, password } if given == basic(user, password) => Ok(()),
        Auth::Basic { .. } => Err(refusal.with("WWW-Authenticate", &format!("Basic realm=\"{SERVICE}\""))),
        Auth::Bearer { .. } => {
            let token = state.tokens.iter().find(|token| given == format!("Bearer {}", token.value));
            if token.is_some_and(|token| repo.is_empty() || permits(&token.scope, repo, action)) {
                return Ok(());
            }
            let mut demand = format!("Bearer realm=\"{url}/token\",service=\"{SERVICE}\"");
            if !repo.is_empty() {
                let actions = if action == "push" { "pull,push" } else { action };
                demand.push_str(&format!(",scope=\"repository:{repo}:{actions}\""));
            }
            if token.is_some() {
                demand.push_str(",error=\"insufficient_scope\"");
            }
            Err(refusal.with("WWW-Authenticate", &demand))
        }
    }
}

/// `Basic …`.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn permits(scope: &str, repo: &str, action: &str) -> bool {
    scope.split(' ').any(|scope| {
        let actions = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
        actions.is_some_and(|(name, actions)| name == repo && actions.split(',').any(|found| found == action))
    })
}

/// The answer of the token service: to `GET` with basic authentication or nobody's, to `POST` with a grant.
pub fn token(state: &mut State, auth: &Auth, request: &Request) -> Reply {
    let Auth::Bearer { user, password, refresh, anonymous_pull } = auth else {
        return Reply::refusal(404, "UNSUPPORTED", "no token service");
    };
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let value = |name: &str| if request.method == "POST" { parameter(&form, name) } else { request.parameter(name) };
    let known = match (request.method.as_str(), value("grant_type").as_deref()) {
        ("GET", _) => request.header("authorization") == Some(&basic(user, password)),
        ("POST", Some("refresh_token")) => value("refresh_token").as_ref() == Some(refresh),
        ("POST", Some("password")) => {
            value("username").as_ref() == Some(user) && value("password").as_ref() == Some(password)
        }
        _ => return Reply::refusal(405, "UNSUPPORTED", "expected GET, or POST with a grant"),
    };
    let nobody = request.method == "GET" && request.header("authorization").is_none();
    if !(known || nobody && *anonymous_pull) {
        return Reply::refusal(401, "UNAUTHORIZED", "wrong credentials");
    }
    if value("service").as_deref() != Some(SERVICE) {
        return Reply::refusal(400, "UNSUPPORTED", "expected the service of the demand");
    }
    let mut scope = scopes(request, &form);
    if !known {
        scope = scope.split(' ').map(only_pull).collect::<Vec<_>>().join(" ");
    }
    let value = format!("token-{}", state.number());
    state.tokens.push(Token { value: value.clone(), scope: scope.clone() });
    let field = if request.method == "POST" { "access_token" } else { "token" };
    Reply::json(200, &json!({field: value, "expires_in": 300, "scope": scope}))
}

/// All scopes that are asked for: the parameter may come more than once.
fn scopes(request: &Request, form: &str) -> String {
    let text =
        if request.method == "POST" { form } else { request.target.split_once('?').map_or("", |(_, query)| query) };
    let pairs = text.split('&').filter(|pair| pair.starts_with("scope="));
    pairs.filter_map(|pair| parameter(pair, "scope")).collect::<Vec<_>>().join(" ")
}

fn only_pull(scope: &str) -> String {
    scope.rsplit_once(':').map_or(String::new(), |(name, actions)| {
        format!("{name}:{}", if actions.split(',').any(|action| action == "pull") { "pull" } else { "" })
    })
}

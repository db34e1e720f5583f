//! The trusted root of a trust domain, as `trusted_root.json`.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::VirtualSigstore;
use super::b64;
use super::ca::Authority;
use super::ca::IssuedBy;
use super::keys::Key;
use super::log::Log;
use super::tsa::StampAuthority;

/// A validity window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Start, if stated.
    pub start: Option<Timestamp>,
    /// End, if stated.
    pub end: Option<Timestamp>,
}

impl Window {
    fn json(self) -> Value {
        let mut value = json!({});
        if let Some(start) = self.start {
            value["start"] = json!(start.to_string());
        }
        if let Some(end) = self.end {
            value["end"] = json!(end.to_string());
        }
        value
    }
}

/// What a trusted root lists, and for how long; `None` leaves a list out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSpec {
    /// Rekor v1 log.
    pub rekor_v1: Option<Window>,
    /// Rekor v2 log.
    pub rekor_v2: Option<Window>,
    /// Certificate transparency log.
    pub ct: Option<Window>,
    /// Certificate authorities by the chain that they list, each with its window.
    pub authorities: Vec<(IssuedBy, Window)>,
    /// Timestamp authorities.
    pub stamps: Vec<(StampAuthority, Window)>,
}

/// The trusted root that `spec` describes.
pub fn trusted_root(sigstore: &VirtualSigstore, spec: &RootSpec) -> Value {
    let mut value = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"});
    let logs: Vec<Value> = [(&sigstore.rekor_v1, spec.rekor_v1), (&sigstore.rekor_v2, spec.rekor_v2)]
        .into_iter()
        .filter_map(|(log, window)| Some(log_json(log, window?)))
        .collect();
    if !logs.is_empty() {
        value["tlogs"] = json!(logs);
    }
    value["certificateAuthorities"] = spec
        .authorities
        .iter()
        .map(|(chain, window)| {
            authority_json("sigstore", "https://virtual.fulcio.test", &sigstore.ca.chain(*chain), *window)
        })
        .collect();
    if let Some(window) = spec.ct {
        let key = &sigstore.ct;
        let id = super::ct::log_id(key);
        value["ctlogs"] = json!([key_json("https://virtual.ct.test/2026", key, &id, window)]);
    }
    value["timestampAuthorities"] = spec
        .stamps
        .iter()
        .map(|(authority, window)| {
            authority_json("tsa", "https://virtual.tsa.test", &sigstore.tsa.chain(*authority), *window)
        })
        .collect();
    value
}

fn log_json(log: &Log, window: Window) -> Value {
    key_json(&log.base_url, &log.key, &log.id, window)
}

fn key_json(url: &str, key: &Key, id: &[u8], window: Window) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(&key.spki()), "keyDetails": key.details(), "validFor": window.json()},
        "logId": {"keyId": b64(id)},
    })
}

fn authority_json(common_name: &str, uri: &str, chain: &[Authority], window: Window) -> Value {
    json!({
        "subject": {"organization": "virtual.test", "commonName": common_name},
        "uri": uri,
        "certChain": {
            "certificates": chain.iter().map(|authority| json!({"rawBytes": b64(&authority.der)})).collect::<Vec<_>>(),
        },
        "validFor": window.json(),
    })
}

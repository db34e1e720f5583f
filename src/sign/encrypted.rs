//! The body of an encrypted cosign key: scrypt, then XSalsa20-Poly1305, written as JSON.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::AeadInPlace;
use crypto_secretbox::KeyInit;
use crypto_secretbox::XSalsa20Poly1305;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::sign::error::SignError;

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// Bytes of Poly1305's tag, which stands before the ciphertext proper.
const TAG: usize = 16;

/// The work that turns a password into a key: scrypt's `N`, with `r` 8 and `p` 1.
///
/// Nothing else is ever derived, so that a key file cannot ask for gigabytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// N = 2^15, 32 MiB: older keys.
    Low,
    /// N = 2^16, 64 MiB: what cosign writes today, and we.
    Standard,
    /// N = 2^17, 128 MiB: what some cosign versions wrote.
    High,
}

impl Cost {
    const ALL: [Self; 3] = [Self::Low, Self::Standard, Self::High];

    fn log2_n(self) -> u8 {
        match self {
            Self::Low => 15,
            Self::Standard => 16,
            Self::High => 17,
        }
    }

    fn n(self) -> u64 {
        1 << self.log2_n()
    }

    fn derive(self, password: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, SignError> {
        let mut key = Zeroizing::new([0; 32]);
        // Both calls refuse only parameters that this type cannot hold.
        let params = scrypt::Params::new(self.log2_n(), 8, 1, 32).map_err(|_| SignError::GenerationFailed)?;
        scrypt::scrypt(password.as_bytes(), salt, &params, &mut *key).map_err(|_| SignError::GenerationFailed)?;
        Ok(key)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
}

/// An encrypted key whose parameters are all permitted; nothing was derived yet.
#[derive(Debug)]
pub(super) struct Sealed {
    cost: Cost,
    salt: [u8; 32],
    nonce: [u8; 24],
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// Reads the JSON under the PEM label and checks every parameter.
    pub(super) fn parse(json: &[u8]) -> Result<Self, SignError> {
        // serde takes a list for an object; no value of this document holds a bracket.
        if json.contains(&b'[') {
            return Err(SignError::EncryptedInvalid { text: "found a list, expected objects".to_owned() });
        }
        let body: Body =
            serde_json::from_slice(json).map_err(|error| SignError::EncryptedInvalid { text: error.to_string() })?;
        let Params { n, r, p } = body.kdf.params;
        if body.kdf.name != KDF {
            return Err(parameters("kdf.name", KDF, body.kdf.name));
        }
        let cost = Cost::ALL.into_iter().find(|cost| cost.n() == n);
        let cost = cost.ok_or_else(|| parameters("kdf.params.N", "32768, 65536 or 131072", n.to_string()))?;
        if r != 8 {
            return Err(parameters("kdf.params.r", "8", r.to_string()));
        }
        if p != 1 {
            return Err(parameters("kdf.params.p", "1", p.to_string()));
        }
        if body.cipher.name != CIPHER {
            return Err(parameters("cipher.name", CIPHER, body.cipher.name));
        }
        let salt = bytes("kdf.salt", &body.kdf.salt)?;
        let salt = salt.try_into().map_err(|s: Vec<u8>| parameters("kdf.salt", "32 bytes", length(&s)))?;
        let nonce = bytes("cipher.nonce", &body.cipher.nonce)?;
        let nonce = nonce.try_into().map_err(|n: Vec<u8>| parameters("cipher.nonce", "24 bytes", length(&n)))?;
        let ciphertext = bytes("ciphertext", &body.ciphertext)?;
        if ciphertext.len() <= TAG {
            return Err(parameters("ciphertext", "more than 16 bytes", length(&ciphertext)));
        }
        Ok(Self { cost, salt, nonce, ciphertext })
    }

    /// Opens it with a password; the empty one is a password like any other.
    pub(super) fn open(&self, password: &str) -> Result<Zeroizing<Vec<u8>>, SignError> {
        let key = self.cost.derive(password, &self.salt)?;
        let mut buffer = Zeroizing::new(self.ciphertext.clone());
        XSalsa20Poly1305::new((&*key).into())
            .decrypt_in_place((&self.nonce).into(), &[], &mut *buffer)
            .map_err(|_| SignError::PasswordWrong)?;
        Ok(buffer)
    }
}

/// Encrypts a key under a fresh salt and nonce, and gives the JSON that stands under the PEM label.
pub(super) fn seal(plaintext: &[u8], password: &str, cost: Cost) -> Result<Vec<u8>, SignError> {
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    rand::fill(&mut salt).map_err(|_| SignError::RandomnessUnavailable)?;
    rand::fill(&mut nonce).map_err(|_| SignError::RandomnessUnavailable)?;
    let key = cost.derive(password, &salt)?;
    // Room for the tag, so that no copy of the plaintext is left behind by a growing vector.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG));
    buffer.extend_from_slice(plaintext);
    XSalsa20Poly1305::new((&*key).into())
        .encrypt_in_place((&nonce).into(), &[], &mut *buffer)
        .map_err(|_| SignError::GenerationFailed)?;
    let body = Body {
        kdf: Kdf { name: KDF.to_owned(), params: Params { n: cost.n(), r: 8, p: 1 }, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: CIPHER.to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(&*buffer),
    };
    serde_json::to_vec(&body).map_err(|_| SignError::GenerationFailed)
}

fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, SignError> {
    STANDARD.decode(text).map_err(|_| parameters(field, "standard base64", "something else".to_owned()))
}

fn length(bytes: &[u8]) -> String {
    format!("{} bytes", bytes.len())
}

fn parameters(field: &'static str, expected: &'static str, found: String) -> SignError {
    SignError::EncryptedParameters { field, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "kdf": {"name": "scrypt", "params": {"N": 65536, "r": 8, "p": 1}, "salt": STANDARD.encode([1; 32])},
            "cipher": {"name": "nacl/secretbox", "nonce": STANDARD.encode([2; 24])},
            "ciphertext": STANDARD.encode([3; 40]),
        })
    }

    fn refused(value: &Value) -> SignError {
        Sealed::parse(value.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn every_cost_opens_what_it_sealed() {
        for (cost, n) in [(Cost::Low, 32768), (Cost::Standard, 65536), (Cost::High, 131_072)] {
            let json = seal(b"the secret", "pässword", cost).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&json).unwrap()["kdf"]["params"]["N"], n);
            let sealed = Sealed::parse(&json).unwrap();
            assert_eq!(sealed.cost, cost);
            assert_eq!(*sealed.open("pässword").unwrap(), b"the secret");
            assert_eq!(sealed.open("password").unwrap_err(), SignError::PasswordWrong);
        }
    }

    /// Boxes of the bytes 0 to 69 under salt 0 to 31, nonce 32 to 55 and the password `pässword`, made by another
    /// implementation: scrypt of OpenSSL, XSalsa20 and Poly1305 written out in Python from their papers.
    #[test]
    fn boxes_of_another_implementation_open() {
        for (n, ciphertext) in [
            (
                32768,
                "1uHmojU62qqFkuvliNEyk7zdNc9NUynRWpcFJR8pl/rzkGEwASkYWLcOi+nCIpKx3KyRfpoqb0fKFdhzQq0txPfBEUPF0BPjE9rqpb802yMOQCM5bJQ=",
            ),
            (
                65536,
                "FBPT1aprUvLia1/yoxUSvIwpXI5BgF9YFKgYxUDtLLRjxMQrfy95DFjb6wy5JY0qN0e74z88LSGymyEjeejRf9tAtq+jQp+JccDmaraaXfLpl9gKkt0=",
            ),
            (
                131_072,
                "1EQXKxiS4oIfy/G+dkIziWDJSf1/l/L0V0tBGD3LhOYkR2BC5lG022hED+6DMAgxyiBxtAGohBLmnnGLlkMvGOgyu/bRFxmptNlQUBbbX2xvjgl2yRw=",
            ),
        ] {
            let json = json!({
                "kdf": {
                    "name": "scrypt",
                    "params": {"N": n, "r": 8, "p": 1},
                    "salt": STANDARD.encode((0..32).collect::<Vec<u8>>()),
                },
                "cipher": {"name": "nacl/secretbox", "nonce": STANDARD.encode((32..56).collect::<Vec<u8>>())},
                "ciphertext": ciphertext,
            });
            let opened = Sealed::parse(json.to_string().as_bytes()).unwrap().open("pässword").unwrap();
            assert_eq!(*opened, (0..70).collect::<Vec<u8>>(), "{n}");
        }
    }

    #[test]
    fn salt_and_nonce_are_fresh() {
        let (one, two) = (seal(b"x", "p", Cost::Low).unwrap(), seal(b"x", "p", Cost::Low).unwrap());
        let (one, two) = (Sealed::parse(&one).unwrap(), Sealed::parse(&two).unwrap());
        assert_ne!(one.salt, two.salt);
        assert_ne!(one.nonce, two.nonce);
    }

    #[test]
    fn damage_is_a_wrong_password() {
        let mut sealed = Sealed::parse(&seal(b"the secret", "p", Cost::Low).unwrap()).unwrap();
        for at in [0, TAG, TAG + 9] {
            sealed.ciphertext[at] ^= 1;
            assert_eq!(sealed.open("p").unwrap_err(), SignError::PasswordWrong);
            sealed.ciphertext[at] ^= 1;
        }
        sealed.nonce[0] ^= 1;
        assert_eq!(sealed.open("p").unwrap_err(), SignError::PasswordWrong);
    }

    #[test]
    fn parameters_are_bounded_before_anything_is_derived() {
        assert!(Sealed::parse(document().to_string().as_bytes()).is_ok());
        let cases = [
            ("/kdf/params/N", json!(16384)),
            ("/kdf/params/N", json!(262_144)),
            ("/kdf/params/N", json!(1_073_741_824)),
            ("/kdf/params/N", json!(u64::MAX)),
            ("/kdf/params/N", json!(0)),
            ("/kdf/params/N", json!(65535)),
            ("/kdf/params/r", json!(16)),
            ("/kdf/params/p", json!(2)),
            ("/kdf/name", json!("argon2id")),
            ("/cipher/name", json!("aes-gcm")),
            ("/kdf/salt", json!(STANDARD.encode([1; 31]))),
            ("/kdf/salt", json!(STANDARD.encode([1; 33]))),
            ("/kdf/salt", json!("not base64")),
            ("/cipher/nonce", json!(STANDARD.encode([1; 12]))),
            ("/cipher/nonce", json!("AAA")),
            ("/ciphertext", json!("")),
            ("/ciphertext", json!(STANDARD.encode([1; 16]))),
            ("/ciphertext", json!("AA-_")),
        ];
        for (pointer, value) in cases {
            let mut changed = document();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert_eq!(refused(&changed).code(), "key-encrypted-parameters", "{pointer}");
        }
    }

    #[test]
    fn the_shape_is_strict() {
        for pointer in ["", "/kdf", "/kdf/params", "/cipher"] {
            let mut more = document();
            more.pointer_mut(pointer).unwrap()["extra"] = json!(1);
            assert_eq!(refused(&more).code(), "key-encrypted-invalid", "{pointer}");
        }
        for (parent, name) in
            [("", "kdf"), ("", "ciphertext"), ("/kdf", "salt"), ("/kdf/params", "p"), ("/cipher", "nonce")]
        {
            let mut less = document();
            less.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            assert_eq!(refused(&less).code(), "key-encrypted-invalid", "{name}");
        }
        let mut list = document();
        *list.pointer_mut("/kdf/params").unwrap() = json!([65536, 8, 1]);
        assert_eq!(refused(&list).code(), "key-encrypted-invalid");
        let mut negative = document();
        *negative.pointer_mut("/kdf/params/N").unwrap() = json!(-65536);
        assert_eq!(refused(&negative).code(), "key-encrypted-invalid");
        let good = document().to_string();
        for text in
            [good.replace(r#""r":8"#, r#""r":8,"r":8"#), format!("{good}x"), good[1..].to_owned(), String::new()]
        {
            assert_eq!(Sealed::parse(text.as_bytes()).unwrap_err().code(), "key-encrypted-invalid", "{text}");
        }
    }
}

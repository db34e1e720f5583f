//! Names that look as if they named a secret.

/// Words that do, alone.
const WORDS: &[&str] = &[
    "apikey",
    "apitoken",
    "auth",
    "authorization",
    "authtoken",
    "accesskey",
    "accesstoken",
    "bearer",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "creds",
    "jwt",
    "oauth",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pat",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "secrets",
    "signingkey",
    "token",
    "tokens",
];
/// Words that do when the second follows the first.
const PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("account", "key"),
    ("api", "key"),
    ("api", "keys"),
    ("client", "key"),
    ("connection", "string"),
    ("deploy", "key"),
    ("encryption", "key"),
    ("gpg", "key"),
    ("host", "key"),
    ("license", "key"),
    ("master", "key"),
    ("pass", "phrase"),
    ("private", "key"),
    ("private", "keys"),
    ("sas", "url"),
    ("session", "id"),
    ("shared", "key"),
    ("signing", "key"),
    ("ssh", "key"),
    ("storage", "key"),
    ("webhook", "url"),
];

/// The variable in which every shell keeps the folder it stands in, and no secret.
const FOLDER: &str = "PWD";

/// Whether a name looks as if it named a secret: one of its words, or two that follow each other, is in the table.
///
/// Words end where a character is neither letter nor digit, and where a capital follows a small letter or stands before one:
/// `API_KEY`, `apiKey`, `--api-key` and `MyAPIKey` all have the words `api` and `key`. `tokenizer` and `keyboard` have one
/// word each, which is in no table.
pub fn looks_secret(name: &str) -> bool {
    if name == FOLDER {
        return false;
    }
    let words = words(name);
    let alone = words.iter().any(|word| WORDS.contains(&word.as_str()));
    let mut pairs = words.iter().zip(words.iter().skip(1));
    alone || pairs.any(|(one, two)| PAIRS.contains(&(one, two)))
}

/// The words of a name, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let small_follows = rest.peek().is_some_and(|next| next.is_lowercase());
        let starts = c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && small_follows));
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_words() {
        assert_eq!(words("MyAPIKey_v2--x"), ["my", "api", "key", "v2", "x"]);
        for name in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "npm-token",
            "GITHUB_TOKEN",
            "apiKey",
            "API_KEY",
            "--api-key",
            "MyAPIKey",
            "x.private.key",
            "client_secret",
            "AWS_SECRET_ACCESS_KEY",
            "awsAccessKeyId",
            "credentials",
            "SSH_KEY",
            "passphrase",
            "passwd",
            "connectionString",
            "id_token",
            "secrets",
            "COSIGN_PASSWORD",
            "DB_PWD",
            "pwd",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in [
            "",
            "key",
            "keys",
            "tokenizer",
            "keyboard",
            "secretary",
            "passage",
            "compass",
            "author",
            "workflow",
            "ref",
            "repository",
            "repository_id",
            "key_id",
            "public_key",
            "api",
            "access",
            "bypass",
            "patch",
            "pinned",
            "opinion",
            "PWD",
            "OLDPWD",
            "cache-key",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}

//! The workflow for container images.

use std::fs;

use serde_json::Value;
use serde_json::json;

use crate::job::sha256;
use crate::support::registry_server::Auth;
use crate::support::registry_server::Options;
use crate::support::registry_server::RegistryServer;
use crate::world::World;
use crate::world::done;
use crate::world::equipped;
use crate::world::refused;
use crate::world::sealmark;

const FILE: &str = "container-provenance.yml";

fn digest(name: &str) -> String {
    format!("sha256:{}", sha256(name.as_bytes()))
}

#[test]
fn a_bundle_for_each_image() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    // The same image in two registries, and another one.
    let images =
        [("ghcr.io/acme/app", "app"), ("localhost:5000/acme/app", "app"), ("docker.io/acme/app-debug", "debug")];
    let list: Vec<_> =
        images.iter().map(|(image, content)| json!({"image": image, "digest": digest(content)})).collect();
    let mut run = world.run(json!({"images": json!(list).to_string()}));
    let signed = run.job("sign");
    done(&signed);
    let bundles: Vec<Value> = serde_json::from_str(&signed.outputs["bundles"]).unwrap();
    assert_eq!(bundles.len(), images.len());
    let root = world.root(&run);
    for (bundle, (image, content)) in bundles.iter().zip(images) {
        assert_eq!(bundle["digest"], digest(content).as_str());
        let file = run.path("artifacts").join(&signed.outputs["artifact-name"]).join(bundle["file"].as_str().unwrap());
        let bytes = fs::read(&file).unwrap();
        assert_eq!(bundle["sha256"], sha256(&bytes).as_str());
        let (code, text) = sealmark(&[
            "verify",
            &digest(content),
            "--bundle",
            file.to_str().unwrap(),
            "--trust",
            &root,
            "--source-uri",
            "github.com/acme/app",
            "--signer-workflow",
            "OWNER/sealmark/.github/workflows/container-provenance.yml",
        ]);
        assert_eq!(code, 0, "{image}: {text}");
    }
    run.pretend("sign", json!({"signed": "true"}));
    assert_eq!(run.job("final").outputs["outcome"], "success");
}

#[test]
fn the_name_may_be_a_secret_and_is_in_no_output() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let mut run = world.run(json!({"digest": digest("app")}));
    run.secrets = json!({"image": "registry.acme.example/hidden/app"});
    let signed = run.job("sign");
    done(&signed);
    assert!(!format!("{:?}", signed.outputs).contains("hidden") && !signed.summary.contains("hidden"));
}

#[test]
fn only_names_with_digests_are_images() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let good = json!({"image": "ghcr.io/acme/app", "digest": digest("app")});
    let with = |key: &str, value: &str| {
        let mut image = good.clone();
        image[key] = value.into();
        json!({"images": json!([image]).to_string()})
    };
    let many: Vec<_> =
        (0..101).map(|n| json!({"image": "ghcr.io/acme/app", "digest": digest(&n.to_string())})).collect();
    let cases = [
        json!({}),
        json!({"image": "ghcr.io/acme/app"}),
        json!({"images": "[]"}),
        json!({"images": "{"}),
        json!({"images": good.to_string()}),
        json!({"images": json!([good, good]).to_string()}),
        json!({"images": json!(many).to_string()}),
        with("image", "ghcr.io/acme/app:v1"),
        with("image", "ghcr.io/acme/app@sha256:abc"),
        with("image", "ghcr.io/acme/app\n"),
        with("image", "ghcr.io/acme/app\nother"),
        with("image", "$(touch pwned)"),
        with("image", "app"),
        with("digest", "sha256:abc"),
        with("digest", &digest("app").to_uppercase()),
        with("digest", &format!("{}\n", digest("app"))),
        with("digest", &format!("sha512:{}", "0".repeat(128))),
        with("tag", "v1"),
    ];
    for inputs in cases {
        refused(&world.run(inputs).job("sign"), "Sign", "expected 1 to 100 different images");
    }
    let both = json!({"images": json!([good]).to_string(), "image": "ghcr.io/acme/app", "digest": digest("app")});
    refused(&world.run(both).job("sign"), "Sign", "found both");
    let mut run = world.run(json!({"image": "ghcr.io/acme/app", "digest": digest("app")}));
    run.secrets = json!({"image": "ghcr.io/acme/other"});
    refused(&run.job("sign"), "Sign", "expected the image as an input or as a secret, found both");
    assert_eq!(world.written(), 0);
    let broken = json!({"image": "ghcr.io/acme/app", "digest": digest("app"), "signing-config": "%%%"});
    refused(&world.run(broken).job("sign"), "Sign", "expected base64 in signing-config");
}

#[test]
fn with_credentials_the_bundles_are_attached() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let auth = Auth::Basic { user: "ann".to_owned(), password: "secret".to_owned() };
    let registry = RegistryServer::start(Options { auth, ..Options::default() });
    let images = ["acme/app", "acme/debug"].map(|name| (name, registry.image(name, "v1")));
    let list: Vec<_> = images
        .iter()
        .map(|(name, digest)| json!({"image": format!("{}/{name}", registry.host()), "digest": digest}))
        .collect();
    let inputs = json!({"images": json!(list).to_string(), "registry-username": "ann"});
    let mut run = world.run(inputs.clone());
    done(&run.job("sign"));
    assert!(run.starts("attach"));
    refused(&run.job("attach"), "Attach", "expected the secret registry-password");
    assert!(registry.requests().is_empty());
    let mut run = world.run(inputs.clone());
    run.secrets = json!({"registry-password": "secret"});
    done(&run.job("sign"));
    let attached = run.job("attach");
    done(&attached);
    assert_eq!(attached.outputs["attached"], "true");
    assert!(!attached.log.contains("secret"), "{}", attached.log);
    for (name, digest) in &images {
        let path = format!("/v2/{name}/manifests/");
        let written =
            registry.requests().iter().filter(|(method, to, _)| method == "PUT" && to.starts_with(&path)).count();
        assert_eq!(written, 1, "{name} {digest}");
    }
    run.pretend("sign", json!({"signed": "true"}));
    assert_eq!(run.job("final").outputs["outcome"], "success");
    // A file that was replaced on the way is not attached, and the outcome says that something is missing.
    let mut run = world.run(inputs);
    run.secrets = json!({"registry-password": "secret"});
    let signed = run.job("sign");
    let bundles: Vec<Value> = serde_json::from_str(&signed.outputs["bundles"]).unwrap();
    run.upload(&signed.outputs["artifact-name"], bundles[0]["file"].as_str().unwrap(), b"{}");
    registry.reset_requests();
    refused(&run.job("attach"), "Attach", "as it was signed, found another file");
    assert!(registry.requests().is_empty());
    run.pretend("sign", json!({"signed": "true"}));
    assert_eq!(run.job("final").outputs["outcome"], "failure");
}

#[test]
fn without_credentials_nothing_is_attached() {
    let world = World::new(FILE);
    assert!(!world.run(json!({"image": "ghcr.io/acme/app", "digest": digest("app")})).starts("attach"));
}

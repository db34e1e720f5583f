//! Images with more attached to them than anybody needs: refused in bounded memory, after few requests.

use std::process::Command;

use crate::support::registry_server::Options;
use crate::support::registry_server::RegistryServer;
use crate::world::World;
use crate::world::ended;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Address space of the program, in KiB; its code and the stacks of its threads take a good part of it.
const ADDRESS_SPACE: &str = "1048576";

/// `verify IMAGE`, in a bounded address space.
fn verify(world: &World, image: &str) -> crate::world::Ended {
    let args = ["verify", image, "--trust", "root.json", "--source-uri", "github.com/acme/app"];
    let own = world.command(&args);
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -v "$0"; exec "$@""#, ADDRESS_SPACE]).arg(own.get_program()).args(own.get_args());
    command.env_clear();
    for (name, value) in own.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("HOME", world.path("home")).current_dir(world.path("")).stdin(std::process::Stdio::null());
    ended(command, &args)
}

#[test]
fn ten_thousand_referrers_are_refused_in_bounded_memory() {
    for page_size in [100, 20_000] {
        let registry = RegistryServer::start(Options { page_size, ..Options::default() });
        let (world, image) = (World::new(), registry.image("acme/app", "v1"));
        for n in 0..10_000 {
            registry.referrer("acme/app", &image, BUNDLE, n.to_string().as_bytes());
        }
        let before = registry.requests().len();
        let ended = verify(&world, &format!("{}/acme/app@{image}", registry.host()));
        let said = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code, 3, "{said}");
        assert!(said.contains("image-too-large") && said.contains("1000"), "{said}");
        // The list, page by page until it is too long; nothing that it lists.
        let asked = registry.requests().len() - before;
        assert!(asked <= 15, "{asked} requests");
    }
}

#[test]
fn a_thousand_referrers_are_looked_at() {
    let registry = RegistryServer::start(Options { page_size: 100, ..Options::default() });
    let (world, image) = (World::new(), registry.image("acme/app", "v1"));
    for n in 0..1_000 {
        registry.referrer("acme/app", &image, BUNDLE, n.to_string().as_bytes());
    }
    let ended = verify(&world, &format!("{}/acme/app@{image}", registry.host()));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.starts_with("denied"), "{}", &ended.out[..200]);
}

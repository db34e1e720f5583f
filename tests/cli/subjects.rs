//! Subjects that are handed in as digests: by standard input, in base64, as an image.

use std::fs::File;

use crate::world::World;
use crate::world::ended;

const LINE: &str = "abababababababababababababababababababababababababababababababab  app.bin\n";

#[test]
fn checksums_on_standard_input_are_attested() {
    let world = World::new();
    world.write("sums", LINE);
    assert_eq!(world.run(&["key", "generate", "--output", "release", "--plain"]).code, 0);
    let arguments = ["attest", "@-", "--key", "release.key", "--no-source", "--platform", "local"];
    let mut command = world.command(&arguments);
    command.stdin(File::open(world.path("sums")).unwrap());
    let ended = ended(command, &arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(world.path("attestation.intoto.jsonl").exists(), "{ended:?}");
}

#[test]
fn what_is_handed_in_is_not_said_to_be_hashed() {
    use base64::Engine as _;
    let world = World::new();
    world.write("hashed.bin", "here");
    world.write("sums", LINE);
    let text = base64::engine::general_purpose::STANDARD.encode(LINE);
    let image = format!("registry.acme.example/app@sha256:{}", "cd".repeat(32));
    let forms: [(&[&str], &str); 4] = [
        (&["@sums"], "the digest as given"),
        (&["--base64-subjects", &text], "the digest as given"),
        (&[&image], "the digest as given"),
        (&["hashed.bin"], "the file itself"),
    ];
    for (form, source) in forms {
        let arguments = [&["generate", "--explain", "--no-source", "--platform", "local"], form].concat();
        let ended = ended(world.command(&arguments), &arguments);
        assert_eq!(ended.code, 0, "{form:?}: {ended:?}");
        let subject = ended.out.split("/predicate").next().unwrap();
        assert!(subject.contains(source), "{form:?}: {subject}");
        assert_eq!(subject.matches("source ").count(), 2, "{form:?}: {subject}");
        assert_eq!(subject.matches(source).count(), 2, "{form:?}: {subject}");
    }
}

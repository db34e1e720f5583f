//! Fixtures of every format with exactly what they give, and what is hostile.

use proptest::prelude::*;

use super::*;
use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::generate::dependencies::image;

/// A fixture, with the registries that its format means where it names none.
fn fixture(text: &str) -> String {
    let names = [
        ("NPM-REGISTRY/", registries::NPM[0]),
        ("YARN-REGISTRY/", registries::NPM[1]),
        ("CARGO-INDEX", registries::CARGO[0]),
        ("CARGO-SPARSE", registries::CARGO[1]),
        ("PYTHON-INDEX", registries::PYTHON),
        ("RUBY-REGISTRY", registries::RUBY),
    ];
    names.iter().fold(text.to_owned(), |text, (name, address)| text.replace(name, address))
}

/// What one file gives: `uri algorithm:hex…`, then `name=…` and `of=…` where there are any; `? what: why` for the rest.
fn rows(path: &str, text: &str) -> Vec<String> {
    let found =
        Format::of(path).unwrap().read(path, fixture(text).as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let item = |item: &Item| {
        let digests = item.digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let name = item.name.as_ref().map(|name| format!(" name={name}")).unwrap_or_default();
        let of = item.digest_of.map(|what| format!(" of={what}")).unwrap_or_default();
        format!("{} {digests}{name}{of}", item.uri)
    };
    let open = found.unresolved.iter().map(|one| format!("? {}: {:?}", one.what, one.why));
    found.items.iter().map(item).chain(open).collect()
}

fn code(path: &str, text: &str) -> &'static str {
    Format::of(path).unwrap().read(path, fixture(text).as_bytes()).map_or_else(|error| error.code(), |_| "read")
}

/// Hexadecimal of so many bytes of one value.
fn hex(byte: u8, bytes: usize) -> String {
    hex::encode(vec![byte; bytes])
}

fn sri(byte: u8) -> String {
    format!("sha512-{}", base64::encode(&[byte; 64]))
}

fn h1(byte: u8) -> String {
    format!("h1:{}", base64::encode(&[byte; 32]))
}

fn sha512(byte: u8) -> String {
    format!("sha512:{}", hex(byte, 64))
}

fn sha256(byte: u8) -> String {
    format!("sha256:{}", hex(byte, 32))
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn cargo_locks() {
    let text = format!(
        "version = 4\n\
         [[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"a\"]\n\
         [[package]]\nname = \"a\"\nversion = \"1.0.0+x\"\n\
         source = \"registry+CARGO-INDEX\"\nchecksum = \"{}\"\n\
         [[package]]\nname = \"b\"\nversion = \"2.0.0\"\n\
         source = \"sparse+https://user:secret@cargo.acme.example/index/\"\nchecksum = \"{}\"\n\
         [[package]]\nname = \"c\"\nversion = \"3.0.0\"\n\
         source = \"git+https://token@github.com/acme/c.git?branch=main#{COMMIT}\"\n\
         [[package]]\nname = \"d\"\nversion = \"4.0.0\"\nsource = \"sparse+CARGO-SPARSE/\"\n\
         [[package]]\nname = \"e\"\nversion = \"5.0.0\"\nsource = \"directory+file:///home/me/e\"\n",
        hex(1, 32),
        hex(2, 32)
    );
    assert_eq!(
        rows("sub/Cargo.lock", &text),
        [
            format!("pkg:cargo/a@1.0.0%2Bx {}", sha256(1)),
            format!("pkg:cargo/b@2.0.0?repository_url=https:%2F%2Fcargo.acme.example%2Findex {}", sha256(2)),
            format!("pkg:cargo/c@3.0.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}"),
            "? pkg:cargo/d@4.0.0: NoDigest".to_owned(),
            "? pkg:cargo/e@5.0.0: Place".to_owned(),
        ]
    );
}

#[test]
fn cargo_locks_of_version_1() {
    let source = "registry+CARGO-INDEX";
    let text = format!(
        "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n\
         [metadata]\n\"checksum a 1.0.0 ({source})\" = \"{}\"\n",
        hex(1, 32)
    );
    assert_eq!(rows("Cargo.lock", &text), [format!("pkg:cargo/a@1.0.0 {}", sha256(1))]);
    assert_eq!(rows("Cargo.lock", ""), [""; 0]);
}

#[test]
fn npm_locks_of_versions_2_and_3() {
    let text = serde_json::json!({
        "name": "app", "lockfileVersion": 3, "packages": {
            "": { "name": "app", "version": "1.0.0" },
            "packages/lib": { "version": "1.0.0" },
            "node_modules/lib": { "resolved": "packages/lib", "link": true },
            "node_modules/@acme/a": {
                "version": "1.0.0", "resolved": "NPM-REGISTRY/@acme/a/-/a-1.0.0.tgz", "integrity": sri(1)
            },
            "node_modules/alias": { "name": "real", "version": "2.0.0", "integrity": sri(2) },
            "node_modules/@acme/a/node_modules/b": {
                "version": "3.0.0", "integrity": sri(3),
                "resolved": "https://user:secret@npm.acme.example/npm/b/-/b-3.0.0.tgz?token=secret"
            },
            "node_modules/bundled": { "version": "1.0.0", "inBundle": true },
            "node_modules/c": { "version": "4.0.0", "resolved": format!("git+ssh://git@github.com/acme/c.git#{COMMIT}") },
            "node_modules/d": { "version": "5.0.0", "resolved": "https://files.acme.example/d.tgz", "integrity": sri(5) },
            "node_modules/e": { "version": "6.0.0" },
            "node_modules/f": { "version": "7.0.0", "integrity": "sha1-AQEBAQEBAQEBAQEBAQEBAQEBAQE=" }
        }
    });
    let mut found = rows("package-lock.json", &text.to_string());
    found.sort();
    assert_eq!(
        found,
        [
            "? pkg:npm/e@6.0.0: NoDigest".to_owned(),
            "? pkg:npm/f@7.0.0: WeakDigest".to_owned(),
            format!("pkg:npm/%40acme/a@1.0.0 {}", sha512(1)),
            format!("pkg:npm/b@3.0.0?repository_url=https:%2F%2Fnpm.acme.example%2Fnpm {}", sha512(3)),
            format!("pkg:npm/c@4.0.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}"),
            format!("pkg:npm/d@5.0.0?download_url=https:%2F%2Ffiles.acme.example%2Fd.tgz {}", sha512(5)),
            format!("pkg:npm/f@7.0.0 sha1:{}", hex(1, 20)),
            format!("pkg:npm/real@2.0.0 {}", sha512(2)),
        ]
    );
}

#[test]
fn npm_locks_of_version_1() {
    let text = serde_json::json!({
        "lockfileVersion": 1, "dependencies": {
            "a": { "version": "1.0.0", "integrity": sri(1), "dependencies": {
                "b": { "version": "npm:@acme/real@2.0.0", "integrity": sri(2) },
                "bundled": { "version": "1.0.0", "bundled": true }
            } },
            "c": { "version": format!("github:acme/c#{COMMIT}") },
            "local": { "version": "file:../local" }
        }
    });
    assert_eq!(
        rows("npm-shrinkwrap.json", &text.to_string()),
        [
            format!("pkg:npm/a@1.0.0 {}", sha512(1)),
            format!("pkg:npm/%40acme/real@2.0.0 {}", sha512(2)),
            format!("pkg:npm/c?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}"),
        ]
    );
}

#[test]
fn pnpm_locks() {
    let expected = |tail: &[String]| {
        let mut rows =
            vec![format!("pkg:npm/%40acme/a@1.10.0 {}", sha512(1)), format!("pkg:npm/b@2.0.0 {}", sha512(2))];
        rows.extend_from_slice(tail);
        rows
    };
    let (a, b) = (sri(1), sri(2));
    for (version, key_a, key_b) in [
        ("5.4", "/@acme/a/1.10.0_react@18.0.0", "/b/2.0.0"),
        ("'6.0'", "/@acme/a@1.10.0(react@18.0.0)(@acme/x@1.0.0)", "/b@2.0.0"),
        ("'9.0'", "'@acme/a@1.10.0'", "b@2.0.0"),
    ] {
        let text = format!(
            "lockfileVersion: {version}\npackages:\n\n  {key_a}:\n    resolution: {{integrity: {a}}}\n    dev: true\n\n  \
             {key_b}:\n    resolution: {{integrity: {b}}}\n"
        );
        assert_eq!(rows("pnpm-lock.yaml", &text), expected(&[]), "{version}");
    }
    let git = format!("pkg:npm/c@3.0.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}");
    let text = format!(
        "lockfileVersion: '9.0'\npackages:\n  '@acme/a@1.10.0':\n    resolution: {{integrity: {a}}}\n  \
         b@2.0.0:\n    resolution: {{integrity: {b}}}\n  \
         c@https://codeload.github.com/acme/c/tar.gz/{COMMIT}:\n    version: 3.0.0\n    \
         resolution: {{tarball: https://codeload.github.com/acme/c/tar.gz/{COMMIT}}}\n  \
         'd@file:packages/d':\n    resolution: {{directory: packages/d, type: directory}}\n---\nlockfileVersion: '9.0'\n"
    );
    assert_eq!(rows("pnpm-lock.yaml", &text), expected(&[git]));
}

#[test]
fn yarn_1_locks() {
    let text = format!(
        "# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.\n# yarn lockfile v1\n\n\n\
         \"@acme/a@^1.0.0\", \"@acme/a@^1.1.0\":\n  version \"1.1.0\"\n  \
         resolved \"YARN-REGISTRY/@acme/a/-/a-1.1.0.tgz#{}\"\n  integrity {}\n  dependencies:\n    b \"^2\"\n\n\
         alias@npm:real@^2:\n  version \"2.0.0\"\n  resolved \"YARN-REGISTRY/real/-/real-2.0.0.tgz#{}\"\n\n\
         \"c@git+https://github.com/acme/c.git\":\n  version \"3.0.0\"\n  resolved \"git+https://github.com/acme/c.git#{COMMIT}\"\n\n\
         \"d@file:./d\":\n  version \"0.0.0\"\n",
        hex(9, 20),
        sri(1),
        hex(8, 20)
    );
    assert_eq!(
        rows("yarn.lock", &text),
        [
            format!("pkg:npm/%40acme/a@1.1.0 {} sha1:{}", sha512(1), hex(9, 20)),
            format!("pkg:npm/real@2.0.0 sha1:{}", hex(8, 20)),
            format!("pkg:npm/c@3.0.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}"),
            "? pkg:npm/real@2.0.0: WeakDigest".to_owned(),
        ]
    );
}

#[test]
fn yarn_berry_locks() {
    let text = format!(
        "# This file is generated.\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n\n\
         \"@acme/a@npm:^1.0.0\":\n  version: 1.10.0\n  resolution: \"@acme/a@npm:1.10.0\"\n  checksum: 10c0/{}\n  \
         languageName: node\n  linkType: hard\n\n\
         \"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n  linkType: soft\n\n\
         \"a@patch:a@npm%3A1#~/x.patch\":\n  version: 1.0.0\n  resolution: \"a@patch:a@npm%3A1.0.0#~/x.patch\"\n  \
         checksum: 10c0/{}\n  linkType: hard\n\n\
         \"b@npm:2\":\n  version: 2.0.0\n  resolution: \"b@npm:2.0.0\"\n  linkType: hard\n\n\
         \"c@https://github.com/acme/c.git\":\n  version: 3.0.0\n  \
         resolution: \"c@https://github.com/acme/c.git#commit={COMMIT}\"\n  checksum: 10c0/{}\n  linkType: hard\n",
        hex(1, 64),
        hex(2, 64),
        hex(3, 64)
    ) + &format!(
        "\n\"d@npm:4\":\n  version: 4.0.0\n  \
         resolution: \"d@npm:4.0.0::__archiveUrl=https%3A%2F%2Fu%3Asecret%40npm.acme.example%2Fd.tgz\"\n  \
         checksum: 10c0/{}\n  linkType: hard\n",
        hex(4, 64)
    );
    assert_eq!(
        rows("yarn.lock", &text),
        [
            format!("pkg:npm/%40acme/a@1.10.0 {} of=the zip archive in Yarn's cache", sha512(1)),
            format!("pkg:npm/c@3.0.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fc%40{COMMIT} gitCommit:{COMMIT}"),
            format!(
                "pkg:npm/d@4.0.0?download_url=https:%2F%2Fnpm.acme.example%2Fd.tgz {} of=the zip archive in Yarn's cache",
                sha512(4)
            ),
            "? pkg:npm/b@2.0.0: NoDigest".to_owned(),
        ]
    );
}

#[test]
fn go_sums() {
    let text = format!(
        "github.com/Acme/a v1.0.0 {}\ngithub.com/Acme/a v1.0.0/go.mod {}\n\
         example.com/b/v2 v2.0.0+incompatible/go.mod {}\n\n",
        h1(1),
        h1(2),
        h1(3)
    );
    assert_eq!(
        rows("go.sum", &text),
        [
            format!("pkg:golang/example.com/b/v2@v2.0.0%2Bincompatible#go.mod dirHash:{}", hex(3, 32)),
            format!("pkg:golang/github.com/acme/a@v1.0.0 dirHash:{} name=github.com/Acme/a", hex(1, 32)),
        ]
    );
    let twice = format!("a.example/b v1.0.0 {}\na.example/b v1.0.0 {}\n", h1(1), h1(2));
    assert_eq!(code("go.sum", &twice), "dependency-file-invalid");
}

#[test]
fn poetry_locks() {
    let text = format!(
        "[[package]]\nname = \"My_Package\"\nversion = \"1.0\"\nfiles = [\n\
         {{file = \"my_package-1.0.tar.gz\", hash = \"sha256:{}\"}},\n{{file = \"my_package-1.0-py3-none-any.whl\", hash = \"sha256:{}\"}}]\n\
         [[package]]\nname = \"b\"\nversion = \"2.0\"\nfiles = []\n[package.source]\ntype = \"git\"\n\
         url = \"https://token:x@github.com/acme/b.git\"\nreference = \"main\"\nresolved_reference = \"{COMMIT}\"\n\
         [[package]]\nname = \"c\"\nversion = \"3.0\"\nfiles = [{{file = \"c-3.0.zip\", hash = \"sha256:{}\"}}]\n\
         [package.source]\ntype = \"legacy\"\nurl = \"https://pypi.acme.example/simple\"\nreference = \"acme\"\n\
         [[package]]\nname = \"d\"\nversion = \"4.0\"\nfiles = []\n\
         [[package]]\nname = \"local\"\nversion = \"0.1\"\n[package.source]\ntype = \"directory\"\nurl = \"../local\"\n\
         [metadata]\nlock-version = \"2.1\"\n",
        hex(1, 32),
        hex(2, 32),
        hex(3, 32)
    );
    assert_eq!(
        rows("poetry.lock", &text),
        [
            format!("pkg:pypi/my-package@1.0?file_name=my_package-1.0.tar.gz {}", sha256(1)),
            format!("pkg:pypi/my-package@1.0?file_name=my_package-1.0-py3-none-any.whl {}", sha256(2)),
            format!("pkg:pypi/b@2.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fb%40{COMMIT} gitCommit:{COMMIT}"),
            format!(
                "pkg:pypi/c@3.0?file_name=c-3.0.zip&repository_url=https:%2F%2Fpypi.acme.example%2Fsimple {}",
                sha256(3)
            ),
            "? pkg:pypi/d@4.0: NoDigest".to_owned(),
        ]
    );
    let old = format!(
        "[[package]]\nname = \"a\"\nversion = \"1.0\"\n[metadata]\nlock-version = \"1.1\"\n[metadata.files]\n\
         a = [{{file = \"a-1.0.zip\", hash = \"sha256:{}\"}}]\n",
        hex(1, 32)
    );
    assert_eq!(rows("poetry.lock", &old), [format!("pkg:pypi/a@1.0?file_name=a-1.0.zip {}", sha256(1))]);
}

#[test]
fn uv_locks() {
    let text = format!(
        "version = 1\nrevision = 3\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = {{ virtual = \".\" }}\n\
         [[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = {{ registry = \"PYTHON-INDEX\" }}\n\
         sdist = {{ url = \"https://files.acme.example/packages/aa/a-1.0.tar.gz\", hash = \"sha256:{}\", size = 1 }}\n\
         wheels = [{{ url = \"https://files.acme.example/packages/bb/a-1.0-py3-none-any.whl#x\", hash = \"sha256:{}\" }}]\n\
         [[package]]\nname = \"b\"\nversion = \"2.0\"\nsource = {{ git = \"https://github.com/acme/b?rev=main#{COMMIT}\" }}\n\
         [[package]]\nname = \"c\"\nversion = \"3.0\"\nsource = {{ registry = \"https://user:secret@pypi.acme.example/simple\" }}\n",
        hex(1, 32),
        hex(2, 32)
    );
    assert_eq!(
        rows("uv.lock", &text),
        [
            format!("pkg:pypi/a@1.0?file_name=a-1.0.tar.gz {}", sha256(1)),
            format!("pkg:pypi/a@1.0?file_name=a-1.0-py3-none-any.whl {}", sha256(2)),
            format!("pkg:pypi/b@2.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fb%40{COMMIT} gitCommit:{COMMIT}"),
            "? pkg:pypi/c@3.0?repository_url=https:%2F%2Fpypi.acme.example%2Fsimple: NoDigest".to_owned(),
        ]
    );
}

#[test]
fn pipenv_locks() {
    let text = serde_json::json!({
        "_meta": { "pipfile-spec": 6 },
        "default": {
            "a": { "version": "==1.0", "hashes": [sha256(1), sha256(2)] },
            "b": { "git": "https://github.com/acme/b.git", "ref": COMMIT },
            "local": { "path": "." }
        },
        "develop": { "c": { "version": "*" } }
    });
    assert_eq!(
        rows("Pipfile.lock", &text.to_string()),
        [
            format!("pkg:pypi/a@1.0?checksum={} {}", sha256(1), sha256(1)),
            format!("pkg:pypi/a@1.0?checksum={} {}", sha256(2), sha256(2)),
            format!("pkg:pypi/b?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fb%40{COMMIT} gitCommit:{COMMIT}"),
            "? pkg:pypi/c: Moving".to_owned(),
        ]
    );
}

#[test]
fn requirements() {
    let text = format!(
        "# comment\n-r other.txt\n--index-url https://user:secret@pypi.acme.example\n./local\n\
         A.b[extra]==1.0 ; python_version > '3' \\\n    --hash=sha256:{} \\\n    --hash=sha256:{}\n    # via x\n\
         c==2.0 # why\nd>=3\ne @ https://user:secret@files.acme.example/e.zip\nf==4.*\n",
        hex(1, 32),
        hex(2, 32)
    );
    assert_eq!(
        rows("requirements-dev.txt", &text),
        [
            format!("pkg:pypi/a-b@1.0?checksum={} {}", sha256(1), sha256(1)),
            format!("pkg:pypi/a-b@1.0?checksum={} {}", sha256(2), sha256(2)),
            "? pkg:pypi/c@2.0: NoDigest".to_owned(),
            "? d: Moving".to_owned(),
            "? e: Moving".to_owned(),
            "? f: Moving".to_owned(),
        ]
    );
}

#[test]
fn gem_locks() {
    let text = format!(
        "GIT\n  remote: https://github.com/acme/g.git\n  revision: {COMMIT}\n  branch: main\n  specs:\n    g (0.1)\n      a\n\n\
         PATH\n  remote: .\n  specs:\n    app (0.1)\n\n\
         GEM\n  remote: RUBY-REGISTRY/\n  specs:\n    a (1.0.0)\n      b (>= 2)\n    b (2.0.0-x86_64-linux)\n    c (3.0)\n\n\
         PLATFORMS\n  x86_64-linux\n\nDEPENDENCIES\n  a\n  app!\n\n\
         CHECKSUMS\n  a (1.0.0) sha256={}\n  app (0.1)\n  b (2.0.0-x86_64-linux) sha256={}\n  c (3.0)\n\nBUNDLED WITH\n   2.6.2\n",
        hex(1, 32),
        hex(2, 32)
    );
    assert_eq!(
        rows("Gemfile.lock", &text),
        [
            format!("pkg:gem/g@0.1?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Facme%2Fg%40{COMMIT} gitCommit:{COMMIT}"),
            format!("pkg:gem/a@1.0.0 {}", sha256(1)),
            format!("pkg:gem/b@2.0.0?platform=x86_64-linux {}", sha256(2)),
            "? pkg:gem/c@3.0: NoDigest".to_owned(),
        ]
    );
}

#[test]
fn gradle_files() {
    let lock = "# comment\ncom.acme:a:1.0=compileClasspath,runtimeClasspath\nempty=annotationProcessor\n";
    assert_eq!(rows("gradle.lockfile", lock), ["? pkg:maven/com.acme/a@1.0: NoDigest"]);
    let text = format!(
        "<?xml version=\"1.0\"?>\n<verification-metadata>\n<components>\n\
         <component group=\"com.acme\" name=\"a\" version=\"1.0\">\n\
         <artifact name=\"a-1.0.jar\"><sha256 value=\"{}\" origin=\"Generated\"/></artifact>\n\
         <artifact name=\"a-1.0.pom\"><sha512 value=\"{}\"/></artifact>\n\
         <artifact name=\"a-1.0-linux.tar.gz\"><sha256 value=\"{}\"/></artifact>\n\
         <artifact name=\"a-1.0.module\"><pgp value=\"AA\"/></artifact>\n\
         <artifact name=\"odd.jar\"><sha256 value=\"{}\"><also-trust value=\"{}\"/></sha256></artifact>\n\
         </component>\n</components>\n</verification-metadata>\n",
        hex(1, 32),
        hex(2, 64),
        hex(3, 32),
        hex(4, 32),
        hex(5, 32)
    );
    assert_eq!(
        rows("gradle/verification-metadata.xml", &text),
        [
            format!("pkg:maven/com.acme/a@1.0 {}", sha256(1)),
            format!("pkg:maven/com.acme/a@1.0?type=pom {}", sha512(2)),
            format!("pkg:maven/com.acme/a@1.0?classifier=linux&type=tar.gz {}", sha256(3)),
            "? pkg:maven/com.acme/a@1.0?type=module: NoDigest".to_owned(),
            "? pkg:maven/com.acme/a@1.0?file_name=odd.jar: Several".to_owned(),
        ]
    );
    let mut joined = Collection::default();
    joined.add("gradle.lockfile", lock.as_bytes(), digest(7)).unwrap();
    joined.add("gradle/verification-metadata.xml", text.as_bytes(), digest(8)).unwrap();
    let joined = joined.finish();
    assert!(joined.unresolved.iter().all(|one| one.file != "gradle.lockfile"), "{:?}", joined.unresolved);
}

#[test]
fn workflows_and_actions() {
    let text = format!(
        "on: [push]\njobs:\n  call:\n    uses: Acme/shared/.github/workflows/build.yml@{COMMIT}\n  \
         build:\n    runs-on: ubuntu-latest\n    container: ghcr.io/acme/build:1@{}\n    services:\n      db:\n        \
         image: postgres:16\n      off:\n        image: ''\n    steps:\n      - uses: actions/checkout@{COMMIT} # v5\n      \
         - uses: actions/setup-node@v4\n      - uses: ./local\n      - uses: docker://alpine@{}\n      \
         - uses: acme/${{{{ matrix.x }}}}@v1\n      - run: |\n          uses: nobody/none@v1\n",
        sha256(1),
        sha256(2)
    );
    assert_eq!(
        rows(".github/workflows/ci.yml", &text),
        [
            format!("pkg:github/actions/checkout@{COMMIT} gitCommit:{COMMIT}"),
            format!("pkg:docker/alpine@{} {} name=alpine", sha256(2), sha256(2)),
            format!(
                "pkg:docker/acme/build@{}?repository_url=ghcr.io {} name=ghcr.io/acme/build:1",
                sha256(1),
                sha256(1)
            ),
            format!("pkg:github/acme/shared@{COMMIT}#.github/workflows/build.yml gitCommit:{COMMIT}"),
            "? actions/setup-node@v4: Moving".to_owned(),
            "? acme/${{ matrix.x }}@v1: Computed".to_owned(),
            "? postgres:16: Moving".to_owned(),
        ]
    );
    let action = format!("name: x\nruns:\n  using: composite\n  steps:\n    - uses: acme/b/c@{COMMIT}\n");
    assert_eq!(rows("tool/action.yml", &action), [format!("pkg:github/acme/b@{COMMIT}#c gitCommit:{COMMIT}")]);
    assert!(Format::of(".github/workflows/sub/ci.yml").is_none());
    assert!(Format::of("docs/ci.yml").is_none());
}

#[test]
fn dockerfiles() {
    let text = format!(
        "# syntax=docker/dockerfile:1@{a}\nARG TAG=3.20\nARG BASE=\"alpine:${{TAG}}@{b}\"\n\
         FROM --platform=$BUILDPLATFORM ${{BASE}} AS Build\nRUN <<EOF\nFROM nothing\nEOF\n\
         RUN --mount=type=bind,from=acme/tools:1,target=/t echo \\\n  # comment\n  FROM\n\
         FROM scratch\nCOPY --from=build /a /a\nCOPY --from=0 /b /b\nCOPY --chown=1 --from=localhost:5000/acme/c@{c} /c /c\n\
         FROM build\nfrom $UNKNOWN\nFROM docker.io/library/debian:12\n",
        a = sha256(1),
        b = sha256(2),
        c = sha256(3)
    );
    assert_eq!(
        rows("deploy/Dockerfile.release", &text),
        [
            format!("pkg:docker/docker/dockerfile@{} {} name=docker/dockerfile:1", sha256(1), sha256(1)),
            format!("pkg:docker/alpine@{} {} name=alpine:3.20", sha256(2), sha256(2)),
            format!(
                "pkg:docker/acme/c@{}?repository_url=localhost:5000 {} name=localhost:5000/acme/c",
                sha256(3),
                sha256(3)
            ),
            "? acme/tools:1: Moving".to_owned(),
            "? $UNKNOWN: Computed".to_owned(),
            "? docker.io/library/debian:12: Moving".to_owned(),
        ]
    );
    for path in ["Dockerfile", "a/Containerfile", "x.Dockerfile", "Dockerfile.x"] {
        assert_eq!(Format::of(path).map(Format::name), Some("Dockerfile"), "{path}");
    }
    for path in ["Dockerfile.dockerignore", "dockerfile.md", "NotADockerfile"] {
        assert!(Format::of(path).is_none(), "{path}");
    }
}

fn digest(byte: u8) -> Digest {
    Digest::new(Algorithm::Sha256, vec![byte; 32]).unwrap()
}

/// Everything that these files give.
fn collected(files: &[(&str, &str)]) -> Result<Collected, DependencyError> {
    let mut collection = Collection::default();
    for (path, text) in files {
        collection.add(path, fixture(text).as_bytes(), digest(7))?;
    }
    Ok(collection.finish())
}

fn cargo(version: &str, byte: u8) -> String {
    let source = "registry+CARGO-INDEX";
    let hex = hex(byte, 32);
    format!("[[package]]\nname = \"a\"\nversion = \"{version}\"\nsource = \"{source}\"\nchecksum = \"{hex}\"\n")
}

#[test]
fn one_package_has_one_content() {
    let (one, other) = (cargo("1.0.0", 1), cargo("1.0.0", 2));
    let twice = collected(&[("Cargo.lock", &one), ("x/Cargo.lock", &one)]).unwrap();
    let both: Vec<_> = twice.dependencies.iter().filter(|one| one.uri.is_some()).collect();
    let [dependency] = both.as_slice() else { panic!("{both:?}") };
    assert_eq!(dependency.annotations["lockedBy"].value, serde_json::json!(["Cargo.lock", "x/Cargo.lock"]));
    let error = collected(&[("Cargo.lock", &one), ("x/Cargo.lock", &other)]).unwrap_err();
    assert_eq!(error.code(), "dependency-conflict");
    assert_eq!(collected(&[("Cargo.lock", &(one.clone() + &other))]).unwrap_err().code(), "dependency-conflict");
    // Yarn's archive is not what npm's registry serves.
    let npm = format!(
        r#"{{"lockfileVersion":3,"packages":{{"node_modules/a":{{"version":"1.0.0","integrity":"{}"}}}}}}"#,
        sri(1)
    );
    let berry = format!(
        "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  checksum: {}\n",
        hex(2, 64)
    );
    let beside = collected(&[("package-lock.json", &npm), ("yarn.lock", &berry)]).unwrap();
    assert_eq!(beside.dependencies.iter().filter(|one| one.uri.is_some()).count(), 2);
    let classic = format!(
        "# yarn lockfile v1\na@^1:\n  version \"1.0.0\"\n  resolved \"YARN-REGISTRY/a/-/a-1.0.0.tgz\"\n  integrity {}\n",
        sri(2)
    );
    let error = collected(&[("package-lock.json", &npm), ("yarn.lock", &classic)]).unwrap_err();
    assert_eq!(error.code(), "dependency-conflict");
}

#[test]
fn completeness_is_stated_and_can_be_demanded() {
    let manifest = ("sub/Cargo.toml", "[dependencies]\na = \"1\"\n");
    let lock = cargo("1.0.0", 1);
    let whole = collected(&[("Cargo.lock", &lock), manifest, ("pom.xml", "<project/>")]).unwrap();
    let expected = serde_json::json!({
        "collectors": [{ "format": "Cargo.lock", "path": "Cargo.lock", "count": 1 }], "unresolved": 0
    });
    assert_eq!(whole.completeness().value, expected);
    whole.require_complete().unwrap();
    let listed = whole.dependencies.iter().find(|one| one.uri.is_none()).unwrap();
    assert_eq!(listed.name.as_ref().unwrap().value, "Cargo.lock");
    assert_eq!(listed.digests[0].value, digest(7));

    let beside = collected(&[("x/Cargo.lock", &lock), ("xy/Cargo.toml", manifest.1)]).unwrap();
    assert_eq!(beside.unresolved[0].why, Why::NoLock);
    assert_eq!(beside.completeness().value["unresolved"], 1);
    assert_eq!(beside.require_complete().unwrap_err().code(), "dependencies-incomplete");
    assert_eq!(collected(&[]).unwrap().require_complete().unwrap_err().code(), "dependencies-incomplete");
    let maven =
        collected(&[("Cargo.lock", &lock), ("pom.xml", "<project><dependency></dependency></project>")]).unwrap();
    assert_eq!(maven.require_complete().unwrap_err().code(), "dependencies-incomplete");
    let weak = r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","integrity":"sha1-AQEBAQEBAQEBAQEBAQEBAQEBAQE="}}}"#;
    let weak = collected(&[("package-lock.json", weak)]).unwrap();
    assert_eq!((weak.dependencies.len(), weak.unresolved.len()), (2, 1));
    weak.require_complete().unwrap_err();
}

#[test]
fn the_order_of_files_does_not_matter() {
    let (one, other) = (cargo("1.0.0", 1), cargo("2.0.0", 2));
    let files = [("b/Cargo.lock", one.as_str()), ("a/Cargo.lock", other.as_str())];
    let there = collected(&files).unwrap();
    let back = collected(&[files[1], files[0]]).unwrap();
    assert_eq!(there, back);
    let paths: Vec<_> = there.collectors.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["a/Cargo.lock", "b/Cargo.lock"]);
}

#[test]
fn what_is_malformed_is_refused_and_named() {
    let packages = |entry: &str| format!(r#"{{"lockfileVersion":3,"packages":{{"node_modules/a":{entry}}}}}"#);
    let cargo_with = |line: &str| cargo("1.0.0", 1).replace("version = \"1.0.0\"", line);
    for (path, text) in [
        ("Cargo.lock", "version = 5".to_owned()),
        ("Cargo.lock", "version = \"4\"".to_owned()),
        ("Cargo.lock", "package = 1".to_owned()),
        ("Cargo.lock", "[[package]\n".to_owned()),
        ("Cargo.lock", cargo_with("")),
        ("Cargo.lock", cargo_with("version = 1")),
        ("Cargo.lock", cargo_with("version = \"\\n\"")),
        ("Cargo.lock", cargo("1.0.0", 1).replace("0101\"", "01\"")),
        ("Cargo.lock", cargo("1.0.0", 171).replace("ab", "AB")),
        ("Cargo.lock", cargo("1.0.0", 1).replace("\"a\"", "\"../../a\"")),
        ("package-lock.json", "[]".to_owned()),
        ("package-lock.json", "{\"lockfileVersion\":4}".to_owned()),
        ("package-lock.json", "{\"lockfileVersion\":3}".to_owned()),
        ("package-lock.json", r#"{"lockfileVersion":3,"lockfileVersion":3,"packages":{}}"#.to_owned()),
        ("package-lock.json", packages("1")),
        ("package-lock.json", packages("{}")),
        ("package-lock.json", packages(r#"{"version":1}"#)),
        ("package-lock.json", packages(r#"{"version":"1","integrity":"sha512-AAAA"}"#)),
        ("package-lock.json", packages(r#"{"version":"1","integrity":"sha512-%%%%"}"#)),
        ("package-lock.json", packages(r#"{"name":"../x","version":"1"}"#)),
        ("pnpm-lock.yaml", String::new()),
        ("pnpm-lock.yaml", "lockfileVersion: 10.0\n".to_owned()),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  a@1: {}\n".to_owned()),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  a: {resolution: {integrity: x}}\n".to_owned()),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nlockfileVersion: '9.0'\n".to_owned()),
        ("yarn.lock", "a@1:\n  version \"1\"\n".to_owned()),
        ("yarn.lock", "# yarn lockfile v1\na@1\n".to_owned()),
        ("yarn.lock", "# yarn lockfile v1\na@1:\n   version \"1\"\n".to_owned()),
        ("yarn.lock", "# yarn lockfile v1\na@1:\n  version \"1\"\n  version \"2\"\n".to_owned()),
        ("yarn.lock", "# yarn lockfile v1\na@1:\n  resolved \"x\"\n".to_owned()),
        ("yarn.lock", "__metadata:\n  version: 99\n".to_owned()),
        ("yarn.lock", "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1\n".to_owned()),
        ("go.sum", "a.example/b v1.0.0\n".to_owned()),
        ("go.sum", "a.example/b v1.0.0 h1:AAAA\n".to_owned()),
        ("go.sum", format!("a.example/b v1.0.0 {}\n", h1(1).replace("h1", "h2"))),
        ("go.sum", format!("a.example/../b v1.0.0 {}\n", h1(1))),
        ("poetry.lock", "[metadata]\nlock-version = \"3.0\"\n".to_owned()),
        ("poetry.lock", "[[package]]\nname = \"a\"\n[metadata]\nlock-version = \"2.0\"\n".to_owned()),
        ("uv.lock", "version = 2\n".to_owned()),
        ("uv.lock", "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n".to_owned()),
        ("Pipfile.lock", "{}".to_owned()),
        ("Pipfile.lock", r#"{"_meta":{"pipfile-spec":6},"default":{"a":{"version":"==1","hashes":["x"]}}}"#.to_owned()),
        ("requirements.txt", "a==1 --hash=sha256:00\n".to_owned()),
        ("Gemfile.lock", "nothing\n".to_owned()),
        ("Gemfile.lock", "GEM\n  specs:\n    a\n".to_owned()),
        ("Gemfile.lock", "GEM\nCHECKSUMS\n  a (1) md5=00\n".to_owned()),
        ("gradle.lockfile", "com.acme:a=x\n".to_owned()),
        ("gradle/verification-metadata.xml", "<other/>".to_owned()),
        ("gradle/verification-metadata.xml", "<!DOCTYPE x><verification-metadata/>".to_owned()),
        (".github/workflows/ci.yml", "jobs: [\n".to_owned()),
        ("Dockerfile", "FROM a b c d\n".to_owned()),
        ("Dockerfile", "FROM alpine@sha256:00\n".to_owned()),
        ("Dockerfile", format!("FROM ../x@{}\n", sha256(1))),
    ] {
        assert_eq!(code(path, &text), "dependency-file-invalid", "{path}: {text}");
    }
    let error = Format::of("go.sum").unwrap().read("sub/go.sum", b"\na b\n").unwrap_err();
    assert!(error.to_string().starts_with("sub/go.sum, line 2: "), "{error}");
    assert_eq!(Format::of("go.sum").unwrap().read("go.sum", b"\n\xff").unwrap_err().code(), "dependency-file-invalid");
}

#[test]
fn work_is_bounded() {
    let format = Format::of("go.sum").unwrap();
    let large = vec![b'\n'; MAX_BYTES + 1];
    assert_eq!(format.read("go.sum", &large).unwrap_err().code(), "dependency-file-invalid");
    let many: String = (0..=MAX_DEPENDENCIES).map(|n| format!("a==1.{n}\n")).collect();
    assert_eq!(code("requirements.txt", &many), "dependency-too-many");
    let half = MAX_DEPENDENCIES / 2 + 1;
    let part = |name: &str| (0..half).map(|n| format!("{name}==1.{n}\n")).collect::<String>();
    let error = collected(&[("requirements.txt", &part("a")), ("x/requirements.txt", &part("b"))]).unwrap_err();
    assert_eq!(error.code(), "dependency-too-many");
}

#[test]
fn names_with_odd_characters_are_escaped() {
    let text = cargo("1.0.0", 1).replace("\"a\"", "\"a?b#c@d%é\"");
    assert_eq!(rows("Cargo.lock", &text), [format!("pkg:cargo/a%3Fb%23c%40d%25%C3%A9@1.0.0 {}", sha256(1))]);
}

#[test]
fn credentials_get_nowhere() {
    for (path, text) in [
        ("package-lock.json", r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","resolved":"https://u:hunter2@npm.acme.example/a"}}}"#.to_owned()),
        ("package-lock.json", r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","resolved":"https://u:1/hunter2@npm.acme.example/a"}}}"#.to_owned()),
        ("requirements.txt", "a @ https://u:hunter2@x.example/a.zip\nhttps://u:hunter2@x.example/b.zip\n".to_owned()),
        ("uv.lock", "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { git = \"https://u:hunter2@x.example/a#0\" }\n".to_owned()),
        ("Gemfile.lock", "GEM\n  remote: https://u:hunter2@x.example/\n  specs:\n    a (1)\n".to_owned()),
    ] {
        let rows = rows(path, &text);
        assert!(!rows.is_empty() && !rows.concat().contains("hunter2"), "{rows:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,200}", n in 0..FORMATS.len()) {
        let format = &FORMATS[n];
        let _ = format.read("x", text.as_bytes());
        let mut reading = Reading::new("x");
        let _ = image::take(&mut reading, "x", &text);
    }

    #[test]
    fn lines_of_words_make_no_reader_panic(text in "([ ]{0,6}(FROM|ARG|GEM|specs:|a@1:|version|\"a@\\^1\"|<a|/>|=|\\$\\{|\\(1\\)|<<EOF|\\\\|#)[ \n]){0,30}", n in 0..FORMATS.len()) {
        let _ = FORMATS[n].read("x", format!("# yarn lockfile v1\n{text}").as_bytes());
    }
}

//! Layouts and archives that other tools wrote, read as places of images.

use std::path::PathBuf;
use std::process::Command;

use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::Document;
use sealmark::store::oci::Images;
use sealmark::store::oci::Manifest;
use sealmark::store::oci::archive::Archive;
use sealmark::store::oci::layout::LayoutFolder;
use sealmark::trust::key::sha256;

/// Layouts as `cosign save` wrote them, and the same in an archive.
#[test]
fn what_cosign_saved_is_found_in_folder_and_archive() {
    let Some(corpus) = std::env::var_os("SEALMARK_CORPUS") else {
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but there is no corpus");
        println!("skipped: no corpus");
        return;
    };
    let root = PathBuf::from(corpus).join("slsa-verifier/testdata/gha_generic_container");
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for version in std::fs::read_dir(&root).unwrap() {
        let path = version.unwrap().path().join("container_workflow_dispatch");
        if !path.join("oci-layout").exists() {
            continue;
        }
        seen += 1;
        let layout = LayoutFolder::open(&path).unwrap();
        let file = folder.path().join(format!("{seen}.tar"));
        assert!(Command::new("tar").arg("-cf").arg(&file).arg("-C").arg(&path).arg(".").status().unwrap().success());
        let archive = Archive::open(&file).unwrap();
        let places: [&dyn Images; 2] = [&layout, &archive];
        for place in places {
            let image = place.only().unwrap().unwrap();
            let tag = format!("sha256-{}.att", image.digest.hex());
            let attestations = place.tagged(&tag).unwrap().unwrap();
            assert_ne!(attestations.digest, image.digest);
            for layer in &attestations.document.items {
                assert!(place.blob(layer, 1 << 20).unwrap().starts_with(b"{"));
            }
            assert_eq!(place.tagged(&tag.replace(".att", ".sig")).unwrap(), None);
            assert!(place.referrers(&image.digest).unwrap().items.is_empty());
        }
    }
    assert!(seen > 0);
}

#[test]
fn what_skopeo_copies_out_of_a_layout_of_ours_is_read() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but there is no skopeo");
        println!("skipped: no skopeo");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ours = LayoutFolder::create(&folder.path().join("ours")).unwrap();
    let writable = ours.writable().unwrap();
    let digest = |bytes: &[u8]| Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).unwrap();
    let config = br#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let size = config.len();
    writable.put_blob(&digest(config), size.try_into().unwrap(), &mut &config[..]).unwrap();
    let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
    let kind = "application/vnd.oci.image.config.v1+json";
    let item = format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{size}}}"#, digest(config));
    let text = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{item},"layers":[]}}"#);
    let (bytes, document) = (text.clone().into_bytes(), Document::parse(text.as_bytes()).unwrap());
    let image = Manifest { digest: digest(&bytes), media_type, bytes, document };
    writable.put_manifest(&image, Some("v1")).unwrap();
    let file = folder.path().join("skopeo.tar");
    let from = format!("oci:{}:v1", folder.path().join("ours").display());
    let to = format!("oci-archive:{}:v1", file.display());
    let run = Command::new("skopeo").args(["--insecure-policy", "copy", "--quiet", &from, &to]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let archive = Archive::open(&file).unwrap();
    assert_eq!(archive.tagged("v1").unwrap().unwrap(), image);
    assert_eq!(archive.only().unwrap().unwrap(), image);
}

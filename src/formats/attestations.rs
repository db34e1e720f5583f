//! A file of attestations: one bundle, an array, or JSON Lines of any number.

//! Trusted roots: Fulcio, CT, Rekor and timestamp authorities with validity windows.

//! Strict base64, standard and URL-safe.

//! Private keys: plain and encrypted PEM, generation, signing.

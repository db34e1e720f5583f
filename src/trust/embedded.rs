//! The trusted roots that ship inside the program, each with its date.

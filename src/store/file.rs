//! Files, read with a cap and written whole or not at all.

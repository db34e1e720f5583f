//! Facts and expectations to a verdict.

//! SLSA verification summaries (VSA v1).

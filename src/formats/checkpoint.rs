//! Checkpoints of transparency logs: signed notes (C2SP).

//! Bounds of searches, each at its edge.

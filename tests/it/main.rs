//! The one integration-test binary: each module answers one question about the whole.

mod record_tree;

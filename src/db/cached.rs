//! A statement that is prepared once for each connection.
//!
//! Diesel prepares every UPDATE and every upsert anew, because their columns may differ from one call
//! to the next. Where the same one runs with each act, that is a round trip of PostgreSQL each, and a
//! quarter of what SQLite does for the act.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

/// Marks a statement as one of a few texts, each of which is kept prepared.
#[derive(Clone, Copy, Debug)]
pub struct Cached<T>(pub T);

impl<T> QueryId for Cached<T> {
    type QueryId = ();
    // Its text is what it is found by.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend, T: QueryFragment<DB>> QueryFragment<DB> for Cached<T> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T, C> RunQueryDsl<C> for Cached<T> {}

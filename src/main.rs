//! The one binary of Sealbid: every role's command line and the server.

fn main() {}

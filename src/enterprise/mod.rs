//! Enterprises 企业 and organisations 机构: who they are and which key speaks for them.

pub mod credentials;
pub mod statements;
pub mod uscc;

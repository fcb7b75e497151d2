//! The one integration-test binary: each module answers one question about the whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unreachable,
    clippy::string_slice,
    clippy::fn_params_excessive_bools,
    clippy::let_underscore_must_use,
    clippy::too_many_lines,
    reason = "a test that meets the unexpected must stop loudly, its child talks by printing, and its story \
              may be long"
)]

mod access;
mod adopting;
mod after_acts;
mod agent_bodies;
mod agent_crash;
mod agent_folders;
mod agent_log;
mod agreement;
mod answers;
mod applicants;
mod architecture;
mod at_once;
mod behind;
mod bidders_steps;
mod blobs;
mod broken_sendings;
mod brought_late;
mod buyers_steps;
mod cancelled;
mod canonical_json;
mod case_maker;
mod casefile;
mod challenge_bounds;
mod challenges;
mod cli;
mod configuration;
mod consents;
mod counting;
mod crash;
mod crowds;
mod custodian_wire;
mod data_folders;
mod databases;
mod demo;
mod described;
mod door;
mod draws;
mod dropped_closes;
mod envelopes;
mod exports;
mod false_releases;
mod foreign_bytes;
mod foreign_statements;
mod formats_document;
mod front_door;
mod full_disks;
mod handed_out;
mod header_profile;
mod hidden_drafts;
mod hostile_archives;
mod hours;
mod identifiers;
mod in_process;
mod instances;
mod interruptions;
mod kept_receipts;
mod killed;
mod languages;
mod last_second;
mod late_amendments;
mod late_findings;
mod liar;
mod lied_to;
mod limits;
mod lodged_bids;
mod lodged_challenges;
mod lodged_late;
mod lodging;
mod long_records;
mod next_roster;
mod notices;
mod offers;
mod old_backups;
mod once;
mod one_text;
mod opening_faults;
mod opening_rules;
mod opening_world;
mod openings;
mod operators;
mod orders;
mod others_words;
mod outside;
mod overtaken;
mod plans;
mod play;
mod publications;
mod reasons;
mod receipts;
mod record_formats;
mod record_tree;
mod record_trust;
mod registration;
mod resumed;
mod rosters;
mod routes;
mod routes_client;
mod routes_roles;
mod routes_story;
mod routes_tenders;
mod routes_uploads;
mod routes_words;
mod rulepacks;
mod sealing;
mod sealing_document;
mod second_envelopes;
mod seen_outages;
mod sequencer;
mod server;
mod shamir;
mod shares_checked;
mod shown_receipts;
mod sights;
mod slow_custodians;
mod slow_lodgings;
mod snapshots;
mod stand;
mod statement_bodies;
mod statements_document;
mod stock_age;
mod stopping;
mod submissions;
mod successions;
mod support;
mod tar_files;
mod tenders;
mod tokens;
mod vectors_age;
mod verify;
mod waits;
mod world;
mod wrong_clocks;
mod wrong_custodians;

/// What must hold for any bytes that a stranger sends: the fuzz targets' own properties.
#[path = "../../fuzz/src/lib.rs"]
mod properties;

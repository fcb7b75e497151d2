//! The tables as diesel sees them; why each exists stands above it in `migrations/`.
#![expect(missing_docs, reason = "columns are documented in the migrations")]

diesel::table! {
    origin (one) {
        one -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    head (one) {
        one -> BigInt,
        next -> BigInt,
        last_at -> BigInt,
    }
}

diesel::table! {
    entry (idx) {
        idx -> BigInt,
        salt -> Binary,
        event -> Binary,
        kind -> Text,
        level -> Text,
        unit -> Nullable<Text>,
        author -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    tile (kind, level, n) {
        kind -> Text,
        level -> BigInt,
        n -> BigInt,
        width -> BigInt,
        bytes -> Binary,
    }
}

diesel::table! {
    checkpoint (size) {
        size -> BigInt,
        root -> Binary,
        at -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    cosignature (size, custodian) {
        size -> BigInt,
        custodian -> Text,
        line -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    tender (id) {
        id -> Text,
        procuring_entity -> Text,
        title -> Text,
        state -> Text,
        plan -> Text,
        notice -> Nullable<Text>,
        notice_index -> Nullable<BigInt>,
        drafted_at -> BigInt,
    }
}

diesel::table! {
    lot (id) {
        id -> Text,
        tender -> Text,
        no -> BigInt,
        title -> Text,
    }
}

diesel::table! {
    document (id) {
        id -> Text,
        tender -> Text,
        no -> BigInt,
        name -> Text,
        sha256 -> Binary,
        size -> BigInt,
        blob -> Text,
    }
}

diesel::table! {
    unit (unit_id) {
        unit_id -> Text,
        tender -> Text,
        lot -> Text,
        stage -> Text,
        note -> Text,
        state -> Text,
        deadline -> BigInt,
        open_at -> BigInt,
        challenge_ms -> BigInt,
        min -> BigInt,
        release_by -> Text,
        t -> BigInt,
        n -> BigInt,
        proposed_index -> BigInt,
        effective_index -> Nullable<BigInt>,
        amendment_no -> BigInt,
        last_sha256 -> Binary,
        amendment_pending -> Nullable<Text>,
        amendment_index -> Nullable<BigInt>,
        freeze_size -> Nullable<BigInt>,
        close_note -> Nullable<Text>,
        close_sha256 -> Nullable<Binary>,
        close_proposed_index -> Nullable<BigInt>,
        close_index -> Nullable<BigInt>,
        order_note -> Nullable<Text>,
        suspension_no -> BigInt,
        suspended -> Bool,
        opening_index -> Nullable<BigInt>,
        void_reason -> Nullable<Text>,
        due_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    chain (unit, bidder) {
        unit -> Text,
        bidder -> Text,
        bid_id -> Text,
        seq -> BigInt,
        sha256 -> Binary,
        kind -> Text,
        key -> Text,
        accepted_index -> BigInt,
    }
}

diesel::table! {
    envelope (manifest_sha256, bidder) {
        manifest_sha256 -> Binary,
        unit -> Text,
        bidder -> Text,
        manifest -> Text,
        salt -> Binary,
        accepted_index -> BigInt,
        arrived_at -> BigInt,
        blob -> Text,
        blob_sha256 -> Binary,
        blob_size -> BigInt,
        shares -> Binary,
        state -> Text,
    }
}

diesel::table! {
    refused (sha256, code) {
        sha256 -> Binary,
        unit -> Text,
        code -> Text,
        idx -> BigInt,
    }
}

diesel::table! {
    folder (one) {
        one -> BigInt,
        id -> Text,
    }
}

diesel::table! {
    upload (id) {
        id -> Text,
        owner -> Text,
        length -> BigInt,
        sha256 -> Nullable<Binary>,
        state -> Text,
        purpose -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    release (unit, custodian) {
        unit -> Text,
        custodian -> Text,
        note -> Text,
        recorded_index -> BigInt,
    }
}

diesel::table! {
    challenge (unit, custodian, line) {
        unit -> Text,
        custodian -> Text,
        line -> Binary,
        note -> Text,
        verdict -> Text,
    }
}

diesel::table! {
    credential (enterprise, no) {
        enterprise -> Text,
        no -> BigInt,
        note -> Text,
        idx -> BigInt,
    }
}

diesel::table! {
    alive (one) {
        one -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    instance (id) {
        id -> Text,
        decided_through -> BigInt,
        seen_at -> BigInt,
    }
}

diesel::table! {
    downtime (from_at) {
        from_at -> BigInt,
        until_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(checkpoint, cosignature);
diesel::allow_tables_to_appear_in_same_query!(
    tender, lot, document, unit, chain, envelope, credential, upload
);

diesel::table! {
    enterprise (id) {
        id -> Text,
        kind -> Text,
        name -> Text,
        uscc -> Text,
        contact -> Text,
        state -> Text,
        application_sha256 -> Text,
        key -> Text,
        reason -> Text,
        last_sha256 -> Text,
        last_idx -> BigInt,
        applied_at -> BigInt,
        verified_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    application (sha256) {
        sha256 -> Text,
        enterprise -> Text,
        note -> Text,
        standing -> Text,
        idx -> BigInt,
        applied_at -> BigInt,
        decided_sha256 -> Nullable<Text>,
        decided_idx -> Nullable<BigInt>,
        key -> Text,
    }
}

diesel::table! {
    enterprise_key (public) {
        public -> Text,
        enterprise -> Text,
        key -> Text,
        from_at -> BigInt,
        until_at -> Nullable<BigInt>,
        ended -> Nullable<Text>,
    }
}

diesel::table! {
    challenge_used (nonce) {
        nonce -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    session (id) {
        id -> Text,
        actor -> Text,
        public -> Text,
        started_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency (asker, key) {
        asker -> Text,
        key -> Text,
        request -> Text,
        status -> BigInt,
        answer -> Binary,
        at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(enterprise, enterprise_key, application);

diesel::allow_tables_to_appear_in_same_query!(entry, unit);

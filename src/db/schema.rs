//! The tables as diesel sees them; why each exists stands above it in `migrations/`.
#![expect(missing_docs, reason = "columns are documented in the migrations")]

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

diesel::allow_tables_to_appear_in_same_query!(checkpoint, cosignature);

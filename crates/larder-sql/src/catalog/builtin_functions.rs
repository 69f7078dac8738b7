//! What PostgreSQL's own functions do, and those of the extensions that most databases use.
//!
//! The catalog says how volatile each is. That is not enough: a STABLE function may depend on
//! settings that are part of every cache key, or on the state of the server; a VOLATILE one may
//! give a random number, or run any query. What is not listed here is taken for the worse.

use super::functions::FunctionEffect;

/// The settings that results of PostgreSQL's own functions and types depend on, as far as those
/// may be cached. Two sessions that differ in one of them must not share a cached result. Those
/// with a dot belong to extensions: `current_setting(name, true)` gives null without them.
pub const RESULT_SETTINGS: &[&str] = &[
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "array_nulls",
    "bytea_output",
    "default_text_search_config",
    "extra_float_digits",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "pg_trgm.similarity_threshold",
    "pg_trgm.strict_word_similarity_threshold",
    "pg_trgm.word_similarity_threshold",
    "quote_all_identifiers",
    "role",
    "search_path",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
];

/// How volatile a function says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

impl Volatility {
    /// From `provolatile`. What is not known is VOLATILE.
    pub(super) fn from_catalog(letter: char) -> Self {
        match letter {
            'i' => Self::Immutable,
            's' => Self::Stable,
            _ => Self::Volatile,
        }
    }
}

/// Give another value at each call or in each transaction, and do nothing else.
const MOVING: &[&str] = &[
    "age",
    "array_sample",
    "array_shuffle",
    "bernoulli",
    "clock_timestamp",
    "gen_random_uuid",
    "now",
    "random",
    "random_normal",
    "statement_timestamp",
    "system",
    "timeofday",
    "transaction_timestamp",
    "uuidv4",
    "uuidv7",
];

/// STABLE ones that depend on their arguments, on [`RESULT_SETTINGS`] and on definitions alone.
const BY_SETTINGS: &[&str] = &[
    "anytextcat",
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "current_database",
    "current_schema",
    "current_user",
    "date",
    "date_add",
    "date_part",
    "date_subtract",
    "date_trunc",
    "enum_first",
    "enum_last",
    "enum_range",
    "extract",
    "format",
    "generate_series",
    "get_current_ts_config",
    "getdatabaseencoding",
    "interval_pl_timestamptz",
    "json_agg",
    "json_agg_strict",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_object_agg_unique_strict",
    "json_populate_record",
    "json_populate_recordset",
    "json_to_record",
    "json_to_recordset",
    "json_to_tsvector",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict",
    "jsonb_path_exists_tz",
    "jsonb_path_match_tz",
    "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz",
    "jsonb_path_query_tz",
    "jsonb_populate_record",
    "jsonb_populate_recordset",
    "jsonb_to_record",
    "jsonb_to_recordset",
    "jsonb_to_tsvector",
    "length",
    "make_timestamptz",
    "money",
    "numeric",
    "overlaps",
    "pg_collation_for",
    "pg_typeof",
    "phraseto_tsquery",
    "plainto_tsquery",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "textanycat",
    "time",
    "timestamp",
    "timestamptz",
    "timestamptz_mi_interval",
    "timestamptz_pl_interval",
    "timetz",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "ts_debug",
    "ts_headline",
    "ts_match_tq",
    "ts_match_tt",
    "ts_parse",
    "ts_token_type",
    "websearch_to_tsquery",
    "xml",
    "xml_is_well_formed",
];

/// VOLATILE ones that touch no table: sequences, locks, notifications, the server itself.
const TOUCH_NO_TABLE: &[&str] = &[
    "current_query",
    "currval",
    "lastval",
    "nextval",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_blocking_pids",
    "pg_cancel_backend",
    "pg_collation_actual_version",
    "pg_control_checkpoint",
    "pg_control_init",
    "pg_control_recovery",
    "pg_control_system",
    "pg_create_restore_point",
    "pg_current_logfile",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_database_collation_actual_version",
    "pg_database_size",
    "pg_export_snapshot",
    "pg_get_backend_memory_contexts",
    "pg_get_multixact_members",
    "pg_get_shmem_allocations",
    "pg_get_wal_replay_pause_state",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_jit_available",
    "pg_last_committed_xact",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_lock_status",
    "pg_log_backend_memory_contexts",
    "pg_logical_emit_message",
    "pg_notification_queue_usage",
    "pg_notify",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_prepared_xact",
    "pg_relation_size",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "pg_switch_wal",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_terminate_backend",
    "pg_total_relation_size",
    "pg_xact_commit_timestamp",
    "pg_xact_commit_timestamp_origin",
    "pg_xact_status",
    "set_config",
    "setseed",
    "setval",
    "txid_status",
];

/// Constructs that are written like functions, and of which `pg_proc` has none of that name.
const CONSTRUCTS: &[(&str, FunctionEffect)] = &[
    ("current_catalog", FunctionEffect::Pure),
    ("current_date", FunctionEffect::Moving),
    ("current_role", FunctionEffect::Pure),
    ("current_time", FunctionEffect::Moving),
    ("current_timestamp", FunctionEffect::Moving),
    // Before PostgreSQL 14 it is `date_part`.
    ("extract", FunctionEffect::Pure),
    ("json", FunctionEffect::Pure),
    ("json_array", FunctionEffect::Pure),
    ("json_arrayagg", FunctionEffect::Pure),
    ("json_exists", FunctionEffect::Pure),
    ("json_objectagg", FunctionEffect::Pure),
    ("json_query", FunctionEffect::Pure),
    ("json_scalar", FunctionEffect::Pure),
    ("json_serialize", FunctionEffect::Pure),
    ("json_table", FunctionEffect::Pure),
    ("json_value", FunctionEffect::Pure),
    ("localtime", FunctionEffect::Moving),
    ("localtimestamp", FunctionEffect::Moving),
    ("merge_action", FunctionEffect::Pure),
    ("treat", FunctionEffect::Pure),
    ("user", FunctionEffect::Pure),
    ("xmlconcat", FunctionEffect::Pure),
    ("xmlelement", FunctionEffect::Pure),
    ("xmlforest", FunctionEffect::Pure),
    ("xmlparse", FunctionEffect::Pure),
    ("xmlpi", FunctionEffect::Pure),
    ("xmlroot", FunctionEffect::Pure),
    ("xmlserialize", FunctionEffect::Pure),
    ("xmltable", FunctionEffect::Pure),
];

/// What the construct `name` does, if it is one.
pub(super) fn construct(name: &str) -> Option<FunctionEffect> {
    let at = CONSTRUCTS.binary_search_by_key(&name, |(name, _)| name);
    at.ok().map(|at| CONSTRUCTS[at].1.clone())
}

/// What PostgreSQL's own function `name` does.
pub(super) fn system(name: &str, volatility: Volatility) -> FunctionEffect {
    let is_in = |list: &[&str]| list.binary_search(&name).is_ok();
    // They run a query, or read whatever a table's name stands for.
    if name.contains("_to_xml") {
        return FunctionEffect::Everything;
    }
    if is_in(MOVING) {
        return FunctionEffect::Moving;
    }
    match volatility {
        Volatility::Immutable => FunctionEffect::Pure,
        Volatility::Stable if is_in(BY_SETTINGS) => FunctionEffect::Pure,
        Volatility::Stable => FunctionEffect::ServerState,
        Volatility::Volatile if is_in(TOUCH_NO_TABLE) || is_harmless_family(name) => {
            FunctionEffect::Acting
        }
        Volatility::Volatile => FunctionEffect::Everything,
    }
}

fn is_harmless_family(name: &str) -> bool {
    ["pg_advisory_", "pg_stat_", "pg_try_advisory_"]
        .iter()
        .any(|family| name.starts_with(family))
}

/// Extensions whose STABLE functions depend on their arguments and on settings that nobody
/// changes between two queries.
const PURE_EXTENSIONS: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "postgis",
    "postgis_raster",
    "postgis_sfcgal",
    "seg",
    "unaccent",
    "uuid-ossp",
    "vector",
];

/// Of those extensions, what reads tables or settings all the same.
const NOT_PURE: &[&str] = &[
    "find_srid",
    "postgis_full_version",
    "show_limit",
    "st_estimatedextent",
    "st_findextent",
];

/// Functions of extensions that give another value at each call.
const MOVING_OF_EXTENSIONS: &[(&str, &[&str])] = &[
    ("pg_uuidv7", &["uuid_generate_v7"]),
    (
        "pgcrypto",
        &[
            "gen_random_bytes",
            "gen_random_uuid",
            "gen_salt",
            "pgp_pub_encrypt",
            "pgp_pub_encrypt_bytea",
            "pgp_sym_encrypt",
            "pgp_sym_encrypt_bytea",
        ],
    ),
    ("postgis", &["st_generatepoints"]),
    ("tablefunc", &["normal_rand"]),
    ("tsm_system_rows", &["system_rows"]),
    ("tsm_system_time", &["system_time"]),
    (
        "uuid-ossp",
        &["uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"],
    ),
];

/// VOLATILE functions of extensions that touch no table: triggers that change the row at hand,
/// and settings.
const ACTING_OF_EXTENSIONS: &[(&str, &[&str])] = &[
    ("autoinc", &["autoinc"]),
    ("insert_username", &["insert_username"]),
    ("moddatetime", &["moddatetime"]),
    (
        "pg_stat_statements",
        &[
            "pg_stat_statements",
            "pg_stat_statements_info",
            "pg_stat_statements_reset",
        ],
    ),
    ("pg_trgm", &["set_limit"]),
    ("tcn", &["triggered_change_notification"]),
];

/// What the function `name` of the extension `extension` does, if it is known.
pub(super) fn of_extension(
    extension: &str,
    name: &str,
    volatility: Volatility,
) -> Option<FunctionEffect> {
    let is_in = |lists: &[(&str, &[&str])]| {
        lists
            .iter()
            .any(|(known, names)| *known == extension && names.contains(&name))
    };
    if is_in(MOVING_OF_EXTENSIONS) {
        Some(FunctionEffect::Moving)
    } else if is_in(ACTING_OF_EXTENSIONS) {
        Some(FunctionEffect::Acting)
    } else if volatility == Volatility::Stable
        && PURE_EXTENSIONS.contains(&extension)
        && !NOT_PURE.contains(&name)
    {
        Some(FunctionEffect::Pure)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order() {
        assert!(MOVING.is_sorted());
        assert!(BY_SETTINGS.is_sorted());
        assert!(TOUCH_NO_TABLE.is_sorted());
        assert!(CONSTRUCTS.is_sorted_by_key(|(name, _)| *name));
    }
}

//! Which cases prove which capability.

use crate::runner::Subject;

/// The cases that a capability stands on, by the path that it has in JSON. `module::*` stands for all cases of a module.
type Proofs = &'static [(&'static str, &'static [&'static str])];

/// Of `mastra_core::Capabilities`.
const ENGINE: Proofs = &[
    ("filter.eq", &["claims::filter_claims_are_true", "filters::equality", "filters::differential"]),
    ("filter.isIn", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.all", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.range", &["claims::filter_claims_are_true", "filters::ranges", "filters::differential"]),
    ("filter.size", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.exists", &["claims::filter_claims_are_true", "filters::null_and_presence", "filters::differential"]),
    ("filter.regex", &["claims::filter_claims_are_true", "filters::strings", "filters::differential"]),
    ("filter.contains", &["claims::filter_claims_are_true", "filters::strings", "filters::differential"]),
    ("filter.elemMatch", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.not", &["claims::filter_claims_are_true", "filters::negation", "filters::differential"]),
    ("filter.or", &["claims::filter_claims_are_true", "filters::logic", "filters::differential"]),
    ("query.sort", &["claims::query_claims_are_true", "sorting::*"]),
    ("query.cursor", &["claims::query_claims_are_true", "paging::*"]),
    ("query.offset", &["claims::query_claims_are_true", "reads::limit_and_offset_cut_the_list"]),
    ("query.fields", &["claims::query_claims_are_true", "reads::fields_are_projected"]),
    ("query.includeDeleted", &["claims::query_claims_are_true", "reads::deleted_records_are_shown_on_request"]),
    ("query.updatedAfter", &["claims::query_claims_are_true", "reads::changes_after_a_time_are_found"]),
    ("query.explain", &["claims::query_claims_are_true", "explaining::*"]),
    ("write.replace", &["claims::write_claims_are_true", "upsert::replacing_takes_the_place_of_all_data"]),
    ("write.deepMerge", &["claims::write_claims_are_true", "upsert::deep_merging_joins_objects_at_every_level"]),
    ("write.removeKeys", &["claims::write_claims_are_true", "upsert::keys_are_removed_before_the_merge"]),
    (
        "write.expectedGeneration",
        &[
            "claims::write_claims_are_true",
            "upsert::an_expected_generation_guards_the_write",
            "concurrency::counters_by_expected_generation_lose_nothing",
        ],
    ),
    (
        "write.transactions",
        &["claims::write_claims_are_true", "transactions::*", "concurrency::transactions_of_many_writers_lose_nothing"],
    ),
    ("write.changeQueue", &["changes::*"]),
    ("write.syncStore", &["claims::write_claims_are_true", "syncs::*", "syncs_together::*"]),
    (
        "text.words",
        &["claims::text_claims_are_true", "text::words_phrases_and_prefixes", "text::hits_are_ranked_as_core_ranks_them"],
    ),
    ("text.phrases", &["claims::text_claims_are_true", "text::words_phrases_and_prefixes"]),
    ("text.prefixes", &["claims::text_claims_are_true", "text::words_phrases_and_prefixes"]),
    ("text.filter", &["claims::text_claims_are_true", "text::a_filter_narrows_the_search"]),
    ("data.nulCharacters", &["claims::data_claims_are_true", "hostile::nul_is_kept_or_refused_by_path"]),
    ("data.unboundedNumbers", &["claims::data_claims_are_true", "hostile::numbers_keep_their_decimal_value"]),
    ("admin.fieldIndexes", &["claims::administration_claims_are_true", "field_indexes::*"]),
    ("admin.persistent", &["claims::a_second_handle_sees_what_is_claimed"]),
    ("admin.multiProcess", &["claims::a_second_handle_sees_what_is_claimed"]),
];

/// Of `mastra_core::vector::VectorCapabilities`; each limit is one of them.
const VECTORS: Proofs = &[
    ("filter.eq", &["claims::filter_claims_are_true", "filters::equality", "filters::differential"]),
    ("filter.isIn", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.all", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.range", &["claims::filter_claims_are_true", "filters::ranges", "filters::differential"]),
    ("filter.size", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.exists", &["claims::filter_claims_are_true", "filters::null_and_presence", "filters::differential"]),
    ("filter.regex", &["claims::filter_claims_are_true", "filters::strings", "filters::differential"]),
    ("filter.contains", &["claims::filter_claims_are_true", "filters::strings", "filters::differential"]),
    ("filter.elemMatch", &["claims::filter_claims_are_true", "filters::lists", "filters::differential"]),
    ("filter.not", &["claims::filter_claims_are_true", "filters::negation", "filters::differential"]),
    ("filter.or", &["claims::filter_claims_are_true", "filters::logic", "filters::differential"]),
    (
        "search.text",
        &[
            "claims::search_claims_are_true",
            "text::words_find_what_core_finds",
            "text::words_are_narrowed_and_cut",
            "text::changes_are_searched_at_once",
        ],
    ),
    (
        "search.hybrid",
        &[
            "claims::search_claims_are_true",
            "text::both_are_fused_by_reciprocal_ranks",
            "text::min_score_bounds_the_dense_leg",
            "text::random_searches_are_fused_by_the_law",
        ],
    ),
    ("search.exact", &["claims::search_claims_are_true", "approximate::exact_search_misses_nothing"]),
    ("search.scroll", &["claims::search_claims_are_true", "walks::*"]),
    ("metric.cosine", &["claims::index_claims_are_true", "scores::cosine_is_the_angle"]),
    ("metric.dot", &["claims::index_claims_are_true", "scores::dot_is_the_product"]),
    ("metric.euclidean", &["claims::index_claims_are_true", "scores::euclidean_is_the_straight_line"]),
    ("kind.flat", &["claims::index_claims_are_true", "administration::every_form_is_made_and_described"]),
    ("kind.hnsw", &["claims::index_claims_are_true", "administration::every_form_is_made_and_described", "approximate::*"]),
    ("kind.ivfFlat", &["claims::index_claims_are_true", "administration::every_form_is_made_and_described", "approximate::*"]),
    ("kind.f16", &["claims::index_claims_are_true", "scores::numbers_of_sixteen_bits_are_rounded"]),
    ("write.updateByFilter", &["claims::write_claims_are_true", "updates::points_are_changed_by_a_filter"]),
    ("write.deleteByFilter", &["claims::write_claims_are_true", "writes::points_are_deleted_by_a_filter"]),
    ("write.replaceWhere", &["claims::write_claims_are_true", "writes::replace_where_swaps_all_that_match"]),
    ("write.atomic", &["concurrency::a_write_is_seen_whole"]),
    (
        "write.transactions",
        &[
            "handles::transactions_hold_points_as_claimed",
            "handles::records_and_points_commit_together",
            "handles::a_rollback_undoes_points_too",
            "handles::nothing_is_visible_before_the_commit",
        ],
    ),
    ("data.exactVectors", &["claims::data_claims_are_true", "reads::vectors_round_trip"]),
    ("data.nulCharacters", &["claims::data_claims_are_true", "reads::metadata_and_text_round_trip"]),
    ("data.exactNumbers", &["claims::data_claims_are_true", "reads::metadata_and_text_round_trip"]),
    ("admin.indexes", &["administration::a_dropped_index_is_gone", "basics::a_made_index_is_known"]),
    ("admin.namespaces", &["claims::administration_claims_are_true", "namespaces::*"]),
    ("admin.persistent", &["handles::a_second_handle_sees_what_is_claimed"]),
    ("admin.multiProcess", &["handles::a_second_handle_sees_what_is_claimed"]),
    ("limits.dimension", &["claims::limits_are_true", "administration::specs_that_are_none_are_refused"]),
    ("limits.dimensionF16", &["administration::specs_that_are_none_are_refused"]),
    ("limits.indexedDimension", &["claims::limits_are_true", "administration::specs_that_are_none_are_refused"]),
    ("limits.indexedDimensionF16", &["administration::specs_that_are_none_are_refused"]),
    ("limits.topK", &["refusals::queries_that_are_none"]),
    ("limits.idBytes", &["refusals::points_that_are_none"]),
    ("limits.metadataBytes", &["refusals::points_that_are_none"]),
    ("limits.indexNameBytes", &["claims::limits_are_true", "administration::specs_that_are_none_are_refused"]),
    ("limits.plainIndexNames", &["administration::specs_that_are_none_are_refused"]),
];

const fn proofs(subject: Subject) -> Proofs {
    match subject {
        Subject::Engine => ENGINE,
        Subject::Vectors => VECTORS,
    }
}

/// The cases that a capability stands on; none of one that no case is known to prove.
pub(super) fn cases(subject: Subject, capability: &str) -> &'static [&'static str] {
    proofs(subject).iter().find(|(path, _)| *path == capability).map_or(&[], |(_, cases)| cases)
}

/// Where a capability stands in the table: in the order of the declaration, and those that no case is known to prove behind the others.
pub(super) fn place(subject: Subject, capability: &str) -> usize {
    proofs(subject).iter().position(|(path, _)| *path == capability).unwrap_or(usize::MAX)
}

/// Whether a case is the one of a pattern.
pub(super) fn fits(pattern: &str, case: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(module) => case.starts_with(module),
        None => case == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine_cases, vectors::vector_cases};
    use mastra_core::{Capabilities, vector::VectorCapabilities};

    fn complete(proofs: Proofs, capabilities: &impl serde::Serialize, cases: &[&str]) {
        let paths: Vec<String> = super::super::members(capabilities).into_iter().map(|(path, _)| path).collect();
        for path in &paths {
            assert!(proofs.iter().any(|(proved, _)| proved == path), "no case proves {path}");
        }
        for (path, patterns) in proofs {
            assert!(paths.iter().any(|known| known == path), "{path} is no capability");
            for pattern in *patterns {
                assert!(cases.iter().any(|case| fits(pattern, case)), "{path}: there is no case {pattern}");
            }
        }
    }

    #[test]
    fn every_capability_has_cases_and_every_case_is_there() {
        complete(ENGINE, &Capabilities::all(), &engine_cases().iter().map(|case| case.name).collect::<Vec<_>>());
        complete(VECTORS, &VectorCapabilities::all(), &vector_cases().iter().map(|case| case.name).collect::<Vec<_>>());
    }
}

//! The list of cases, and the macro that makes a test of each.

use super::harness::VectorCase;

/// Makes one test of every case of the vector suite, in the module where it stands.
///
/// It takes an async closure or function that gives a fresh, empty store nobody else uses: an `Arc<dyn VectorStore>` or a
/// [`TestVectors`](crate::vectors::TestVectors), which can also say up to which level the store goes, keep a guard, clean up, name the
/// engine whose transactions it shares, and say how to open the same data again. Cases that need a store alone run twice where there
/// is such an engine: on the store, and with every call in a transaction.
///
/// ```
/// # mod example {
/// mod conformance {
///     # use mastra_core::vector::VectorStore;
///     # async fn fresh() -> std::sync::Arc<dyn VectorStore> { unimplemented!() }
///     mastra_conformance::vector_store_suite!(|| async { super::conformance::fresh().await });
/// }
/// # }
/// ```
///
/// An attribute before the factory goes to every test: `#[ignore = "needs a server"]` for a suite that is asked for by name.
#[macro_export]
macro_rules! vector_store_suite {
    (#[$attribute:meta] $factory:expr $(,)?) => {
        $crate::__vector_suite! { [$attribute] $factory }
    };
    ($factory:expr $(,)?) => {
        $crate::__vector_suite! { [cfg(test)] $factory }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vector_suite {
    ($attribute:tt $factory:expr) => {
        fn __fresh_vectors<'f>() -> $crate::__private::LocalBoxFuture<'f, $crate::__private::Result<$crate::vectors::TestVectors>>
        {
            ::std::boxed::Box::pin(async { ::std::result::Result::Ok(::std::convert::Into::into(($factory)().await)) })
        }
        $crate::__vector_cases! { __vector_tests $attribute }
    };
}

/// Every case by kind, level and module; `$emit` is given the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __vector_cases {
    ($emit:ident $attribute:tt) => {
        $crate::$emit! {
            $attribute
            Store Basic basics {
                a_made_index_is_known,
                the_nearest_come_first,
                an_upsert_replaces_the_whole_point,
                ids_are_made_where_none_is_given,
                ids_are_data,
                deleted_points_are_found_no_more,
                an_absent_index_is_not_found,
                an_empty_index_answers,
                large_batches_are_written_whole,
                parts_of_hits_are_read_on_request,
                a_batch_of_queries_is_each_of_them,
            }
            Store Basic scores {
                cosine_is_the_angle,
                dot_is_the_product,
                euclidean_is_the_straight_line,
                ties_go_by_id,
                top_k_cuts_among_ties_by_id,
                min_score_is_inclusive,
                scores_stay_within_their_bounds,
                numbers_of_sixteen_bits_are_rounded,
                sums_that_overflow_or_cancel_are_exact,
                very_long_and_very_short_vectors,
                random_points_are_ranked_by_the_law,
            }
            Store Basic refusals {
                vectors_that_do_not_fit,
                points_that_are_none,
                queries_that_are_none,
                a_refused_batch_leaves_no_trace,
                another_model_is_refused,
            }
            Store Points reads {
                points_come_in_the_order_of_the_ids,
                parts_of_points_are_read_on_request,
                metadata_and_text_round_trip,
                vectors_round_trip,
                counting_and_its_cap,
            }
            Store Points updates {
                another_vector_leaves_metadata_alone,
                metadata_leaves_the_vector_alone,
                texts_are_changed_alone,
                several_points_are_changed_at_once,
                points_are_changed_by_a_filter,
                changes_that_do_not_fit_are_refused,
            }
            Store Points writes {
                replace_where_swaps_all_that_match,
                a_refused_swap_changes_nothing,
                points_are_deleted_by_a_filter,
                everything_is_deleted_on_request,
                calls_end_like_the_model,
            }
            Store Points walks {
                pages_cover_everything_once,
                ids_that_begin_alike_stay_in_order,
                a_walk_is_narrowed_by_a_filter,
                writes_do_not_disturb_a_walk,
                cursors_belong_to_their_walk,
            }
            Store Filters filters {
                equality,
                paths,
                negation,
                null_and_presence,
                lists,
                ranges,
                strings,
                logic,
                metadata_corners,
                an_empty_filter_finds_everything,
                a_filter_comes_before_the_cut,
                differential,
            }
            Store Namespaces namespaces {
                reads_see_their_own,
                no_filter_reaches_another_namespace,
                writes_touch_their_own,
                names_of_namespaces_are_data,
                a_namespace_exists_by_its_points,
                a_handle_reaches_its_namespace_alone,
                a_small_tenant_is_not_lost_beside_a_large_one,
            }
            Store Text text {
                words_find_what_core_finds,
                words_are_narrowed_and_cut,
                changes_are_searched_at_once,
                malformed_searches_are_refused,
                both_are_fused_by_reciprocal_ranks,
                min_score_bounds_the_dense_leg,
                random_searches_are_fused_by_the_law,
            }
            Alone Administration administration {
                every_form_is_made_and_described,
                an_index_that_exists_is_refused,
                a_dropped_index_is_gone,
                a_truncated_index_is_empty,
                indexes_are_apart,
                specs_that_are_none_are_refused,
                answers_are_the_same_with_fields,
                a_ping_is_answered,
            }
            Store Administration claims {
                filter_claims_are_true,
                search_claims_are_true,
                index_claims_are_true,
                write_claims_are_true,
                data_claims_are_true,
                limits_are_true,
                administration_claims_are_true,
            }
            Test Administration required {
                the_required_capabilities_are_claimed,
            }
            Shared Shared concurrency {
                many_writers_of_the_same_ids,
                merges_of_different_keys_lose_nothing,
                writers_of_different_points_lose_nothing,
                a_write_is_seen_whole,
                all_kinds_of_writes_meet,
                an_index_is_made_once,
                readers_are_not_disturbed,
            }
            Test Shared handles {
                transactions_hold_points_as_claimed,
                records_and_points_commit_together,
                a_rollback_undoes_points_too,
                nothing_is_visible_before_the_commit,
                nothing_works_after_closing,
                a_second_handle_sees_what_is_claimed,
            }
            Alone Approximate approximate {
                the_nearest_are_found_at_the_defaults,
                a_filter_keeps_recall,
                exact_search_misses_nothing,
                answers_stay_lawful,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vector_tests {
    ($attribute:tt $($kind:ident $level:ident $module:ident { $($case:ident,)* })*) => {
        $($crate::__vector_module! { $attribute $kind $level $module { $($case,)* } })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vector_module {
    ([$attribute:meta] Store $level:ident $module:ident { $($case:ident,)* }) => {
        mod $module {
            $(#[test]
            #[$attribute]
            fn $case() -> $crate::Outcome {
                $crate::vectors::run_vector_case(
                    &$crate::__vector_case!(Store $level $module $case),
                    &super::__fresh_vectors,
                )
            })*
            mod in_transactions {
                $(#[test]
                #[$attribute]
                fn $case() -> $crate::Outcome {
                    match $crate::__vector_case!(Store $level $module $case).inside_transactions() {
                        Some(case) => $crate::vectors::run_vector_case(&case, &super::super::__fresh_vectors),
                        None => Ok(()),
                    }
                })*
            }
        }
    };
    ([$attribute:meta] $kind:ident $level:ident $module:ident { $($case:ident,)* }) => {
        mod $module {
            $(#[test]
            #[$attribute]
            fn $case() -> $crate::Outcome {
                $crate::vectors::run_vector_case(
                    &$crate::__vector_case!($kind $level $module $case),
                    &super::__fresh_vectors,
                )
            })*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vector_case {
    ($kind:ident $level:ident $module:ident $case:ident) => {
        $crate::vectors::VectorCase::new(
            concat!(stringify!($module), "::", stringify!($case)),
            $crate::vectors::Level::$level,
            $crate::vectors::VectorBody::$kind(|on| Box::pin($crate::vectors::$module::$case(on))),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vector_list {
    ([] $($kind:ident $level:ident $module:ident { $($case:ident,)* })*) => {
        vec![$($($crate::__vector_case!($kind $level $module $case),)*)*]
    };
}

/// Every case of the vector suite, those that run in transactions too included.
pub fn vector_cases() -> Vec<VectorCase> {
    let on_stores: Vec<VectorCase> = crate::__vector_cases!(__vector_list []);
    let in_transactions: Vec<VectorCase> = on_stores.iter().filter_map(VectorCase::inside_transactions).collect();
    on_stores.into_iter().chain(in_transactions).collect()
}

//! The list of cases, and the macro that makes a test of each.

use crate::harness::Case;

/// Makes one test of every case of the engine suite, in the module where it stands.
///
/// It takes an async closure or function that gives a fresh, empty engine nobody else uses: an `Arc<dyn Engine>` or a
/// [`TestEngine`](crate::TestEngine), which can also keep a guard, clean up, and say how to open the same data again. Cases that
/// need a [`RecordStore`](mastra_core::RecordStore) alone run twice, on the engine and inside a transaction.
///
/// ```
/// # mod example {
/// mod conformance {
///     # use mastra_core::Engine;
///     # async fn fresh() -> std::sync::Arc<dyn Engine> { unimplemented!() }
///     mastra_conformance::engine_suite!(|| async { super::conformance::fresh().await });
/// }
/// # }
/// ```
#[macro_export]
macro_rules! engine_suite {
    ($factory:expr $(,)?) => {
        fn __fresh_engine<'f>() -> $crate::__private::LocalBoxFuture<'f, $crate::__private::Result<$crate::TestEngine>> {
            ::std::boxed::Box::pin(async { ::std::result::Result::Ok(::std::convert::Into::into(($factory)().await)) })
        }
        $crate::__engine_cases! { __engine_tests }
    };
}

/// Every case by kind and module; `$emit` is given the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __engine_cases {
    ($emit:ident) => {
        $crate::$emit! {
            Store entities {
                a_created_entity_reads_back,
                an_entity_that_exists_is_refused,
                a_shared_name_is_a_conflict_that_lists_the_matches,
                get_entity_takes_a_name_a_connection_or_both,
                an_absent_entity_is_not_found_everywhere,
                blank_names_are_refused_everywhere,
                names_too_long_or_with_nul_are_refused,
                names_are_exact,
                an_update_changes_what_it_names,
                an_update_that_changes_nothing_leaves_the_entity_alone,
                a_rename_onto_another_entity_is_refused,
                update_entity_last_sync_id_sets_the_cursor,
                a_deleted_entity_takes_its_records_along,
                entities_are_listed_in_order_of_id,
                pages_of_entities_equal_the_whole_list,
            }
            Store upsert {
                new_records_are_created,
                merging_replaces_top_level_keys,
                replacing_takes_the_place_of_all_data,
                deep_merging_joins_objects_at_every_level,
                keys_are_removed_before_the_merge,
                unchanged_records_are_left_alone,
                a_change_of_spelling_is_no_change,
                an_entity_type_is_kept_and_changed,
                updated_at_and_generation_only_move_forward,
                generations_grow_over_the_whole_store,
                an_expected_generation_guards_the_write,
                a_repeated_id_with_an_expected_generation_is_refused,
                a_deleted_record_is_revived_with_the_new_data_only,
                an_empty_batch_is_a_no_op,
                data_has_to_be_an_object,
                a_refused_record_refuses_the_batch,
                a_report_follows_the_order_of_first_mention,
                records_stand_in_the_order_of_their_batch,
                batches_end_like_sequential_calls,
                large_batches_are_written_whole,
            }
            Store sync {
                the_entity_is_created_on_first_use,
                the_cursor_stays_without_a_new_one,
                rows_absent_from_a_batch_stay,
                an_empty_batch_moves_the_cursor,
                records_and_cursor_are_stored_together_or_not_at_all,
                the_same_batch_again_changes_nothing,
                a_sync_revives_and_honours_its_options,
            }
            Store reads {
                a_record_is_read_by_its_id,
                external_ids_are_answered_in_their_order,
                records_come_in_order_of_creation,
                limit_and_offset_cut_the_list,
                fields_are_projected,
                deleted_records_are_shown_on_request,
                changes_after_a_time_are_found,
                counting_and_its_cap,
                conveniences_over_names_and_ids,
                typed_records_are_read_and_written,
            }
            Store paging {
                pages_by_cursor_equal_one_big_page,
                an_offset_stands_behind_the_cursor,
                a_cursor_of_another_query_is_refused,
                a_malformed_cursor_is_refused,
                a_cursor_outlives_its_row,
                a_cursor_keeps_hostile_values,
            }
            Store sorting {
                types_and_values_have_one_order,
                missing_values_stand_last_both_ways,
                several_keys_decide_in_turn_and_ties_go_by_id,
                paths_lead_through_objects_and_indexes_only,
                random_rows_are_sorted_by_the_law,
            }
            Store filters {
                equality,
                paths,
                negation,
                null_and_presence,
                lists,
                ranges,
                strings,
                logic,
                older_conditions,
                sorting,
                differential,
            }
            Store delete {
                records_are_deleted_by_ids,
                records_are_deleted_by_external_ids,
                records_are_deleted_by_filter,
                all_records_are_deleted_on_request_only,
                deleted_records_are_out_of_sight,
                deleting_moves_the_generation_and_not_updated_at,
                purging_removes_deleted_records_only,
                purging_by_time,
            }
            Store text {
                search_needs_declared_fields,
                words_phrases_and_prefixes,
                hits_are_ranked_as_core_ranks_them,
                limits_and_totals,
                a_filter_narrows_the_search,
                changes_are_searched_at_once,
                entities_are_searched_alone,
                declaring_indexes_what_is_there,
                declaring_again_changes_the_fields,
                words_are_folded,
                malformed_searches_are_refused,
            }
            Store hostile {
                strings_round_trip,
                keys_round_trip_and_can_be_asked_for,
                numbers_keep_their_decimal_value,
                a_megabyte_and_many_keys,
                a_hundred_levels_are_kept_and_more_refused_by_path,
                nul_is_kept_or_refused_by_path,
                names_and_ids_are_data,
            }
            Store injection {
                values_are_values,
                paths_are_paths,
                names_are_names,
                search_text_is_text,
            }
            Store explaining {
                a_plan_is_given_for_every_query,
                what_is_finished_in_core_was_asked_for,
            }
            Store errors {
                an_error_names_its_operation,
                a_failed_call_leaves_no_trace,
            }
            Engine transactions {
                a_commit_makes_everything_visible,
                dropping_rolls_back,
                a_rollback_undoes_everything,
                nothing_is_visible_before_the_commit,
                a_closure_commits_or_rolls_back,
                the_outer_engine_inside_a_closure_is_refused,
                a_closure_is_run_again_after_a_conflict,
                a_dropped_closure_rolls_back,
                a_failed_call_leaves_the_transaction_usable,
                a_call_given_up_leaves_the_transaction_usable,
                a_large_call_given_up_misleads_nobody,
                conveniences_work_on_every_kind_of_store,
            }
            Engine concurrency {
                twenty_writers_of_one_new_id_make_one_record,
                ten_syncs_of_one_batch_in_different_orders,
                counters_by_expected_generation_lose_nothing,
                overlapping_batches_never_fail,
                a_batch_is_seen_whole_or_not_at_all,
                transactions_of_many_writers_lose_nothing,
                deletes_and_upserts_of_one_id_meet,
            }
            Engine streams {
                a_stream_equals_its_pages,
                a_stream_sees_one_state,
                a_dropped_stream_blocks_nobody,
                a_stream_of_an_absent_entity_is_not_found,
                many_records_are_streamed,
            }
            Engine changes {
                what_is_there_is_queued_on_subscribing,
                a_subscription_follows_one_entity,
                every_change_is_queued_with_its_generation,
                changes_of_one_record_are_one,
                large_batches_are_queued_whole,
                a_deleted_entity_queues_its_records,
                other_entities_and_subscriptions_stand_apart,
                what_is_rolled_back_is_not_queued,
                settling_commits_with_the_rest_of_a_transaction,
                claims_are_shared_and_end,
                a_lapsed_claim_is_repeated,
                failures_wait_or_are_set_aside,
                a_newer_generation_is_due_again,
                records_are_queued_again_on_request,
                malformed_calls_are_refused,
                an_unknown_subscription_is_not_found,
                writers_and_workers_lose_nothing,
                subscribing_misses_no_writer,
            }
            Store syncs {
                a_run_begins,
                a_run_with_a_result_is_answered_with_it,
                a_run_under_way_is_busy,
                a_run_without_a_result_is_begun_again,
                a_silent_run_is_lost,
                signs_of_life_prolong_the_lease,
                a_run_that_ended_is_written_no_more,
                a_run_id_belongs_to_one_sync_and_input,
                runs_are_listed,
                a_list_of_runs_is_bounded,
                runs_are_listed_by_state,
                runs_are_listed_by_entity,
                finished_runs_are_pruned,
                pruning_goes_by_when_runs_ended,
                pruning_leaves_what_was_written,
                a_target_is_created_on_first_use,
                a_held_target_is_busy,
                a_target_that_was_let_go_is_free,
                a_lapsed_target_is_taken_over,
                the_fence_decides_and_not_the_clock,
                a_page_prolongs_the_hold,
                a_hold_tells_where_the_sync_stands,
                targets_are_listed,
                stakes_are_kept,
                records_are_read_with_their_stakes,
                stakes_of_other_entities_stand_apart,
                a_stake_knows_the_generation,
                stakes_are_given_up,
                stakes_are_listed_by_code_point,
                a_page_is_written_whole,
                an_empty_page_changes_nothing_else,
                the_cursor_is_the_entitys_too,
                the_ledger_tells_what_a_run_did,
                another_attempt_goes_on,
                an_overtaken_holder_writes_nothing,
                an_earlier_attempt_writes_nothing,
                a_silent_run_may_still_write,
                the_largest_page_is_written,
                an_enumeration_goes_its_way,
                what_was_seen_is_remembered,
                what_was_seen_is_forgotten,
                an_enumeration_outlives_its_run,
                enumerations_stand_apart,
                unseen_stakes_are_listed_by_code_point,
                ids_are_seen_exactly,
                items_are_set_aside,
                an_item_that_fails_again_is_counted,
                settled_items_are_gone,
                items_are_listed_in_pages,
                a_list_of_items_is_bounded,
                raw_items_are_kept_exactly,
                a_deleted_entity_takes_its_targets_along,
                an_entity_made_again_begins_anew,
                stakes_outlive_purged_records,
                a_target_that_is_not_there,
                names_and_texts_are_data,
                the_longest_names_are_kept,
                names_that_are_none_are_refused,
                texts_with_nul_are_refused,
                arguments_that_are_none_are_refused,
                leases_at_their_bounds_are_kept,
                outputs_are_kept_or_refused,
                pages_end_like_pages_on_maps,
            }
            Engine syncs_together {
                a_page_commits_with_its_records,
                a_rollback_undoes_a_page,
                a_late_page_takes_its_records_along,
                a_refused_page_leaves_the_transaction_usable,
                one_of_sixteen_takes_a_target,
                one_of_eight_begins_a_run,
                runs_that_begin_at_once_are_told_apart,
                syncs_of_one_entity_write_at_once,
                a_page_under_way_is_not_overtaken,
                an_entity_is_deleted_under_its_writers,
                a_waiter_is_woken_by_every_change,
                many_wait_for_one_run,
                waiting_ends_in_time,
            }
            Engine field_indexes {
                an_index_is_built_listed_and_dropped,
                answers_are_the_same_with_an_index,
            }
            Engine lifecycle {
                a_ping_is_answered,
                nothing_works_after_closing,
                info_tells_the_backend,
            }
            Engine claims {
                the_required_capabilities_are_claimed,
                filter_claims_are_true,
                query_claims_are_true,
                write_claims_are_true,
                text_claims_are_true,
                data_claims_are_true,
                administration_claims_are_true,
            }
            Test claims {
                a_second_handle_sees_what_is_claimed,
            }
            Test syncs_together {
                syncs_are_shared_by_handles,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_tests {
    ($($kind:ident $module:ident { $($case:ident,)* })*) => {
        $($crate::__engine_module! { $kind $module { $($case,)* } })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_module {
    (Store $module:ident { $($case:ident,)* }) => {
        mod $module {
            $(#[test]
            fn $case() -> $crate::Outcome {
                $crate::__private::run_blocking(&$crate::__engine_case!(Store $module $case), &super::__fresh_engine)
            })*
            mod in_transaction {
                $(#[test]
                fn $case() -> $crate::Outcome {
                    match $crate::__engine_case!(Store $module $case).inside_transaction() {
                        Some(case) => $crate::__private::run_blocking(&case, &super::super::__fresh_engine),
                        None => Ok(()),
                    }
                })*
            }
        }
    };
    (Test $module:ident { $($case:ident,)* }) => {
        $(#[test]
        fn $case() -> $crate::Outcome {
            $crate::__private::run_blocking(&$crate::__engine_case!(Test $module $case), &__fresh_engine)
        })*
    };
    ($kind:ident $module:ident { $($case:ident,)* }) => {
        mod $module {
            $(#[test]
            fn $case() -> $crate::Outcome {
                $crate::__private::run_blocking(&$crate::__engine_case!($kind $module $case), &super::__fresh_engine)
            })*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_case {
    ($kind:ident $module:ident $case:ident) => {
        $crate::Case::new(
            concat!(stringify!($module), "::", stringify!($case)),
            $crate::Body::$kind(|on| Box::pin($crate::engine::$module::$case(on))),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_list {
    ($($kind:ident $module:ident { $($case:ident,)* })*) => {
        vec![$($($crate::__engine_case!($kind $module $case),)*)*]
    };
}

/// Every case of the engine suite, those that run inside a transaction too included.
pub fn engine_cases() -> Vec<Case> {
    let on_engines: Vec<Case> = crate::__engine_cases!(__engine_list);
    let in_transactions: Vec<Case> = on_engines.iter().filter_map(Case::inside_transaction).collect();
    on_engines.into_iter().chain(in_transactions).collect()
}

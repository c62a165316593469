//! What goes in comes out, is refused before any I/O, and is never read as code.

use super::runs::finish;
use super::{
    LONG, SYNC, at_work, external_ids, info, new_hold, new_run, page, set_aside, stake, stakes, start, started, strings, syncs,
    take,
};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use crate::fixture::{put, there};
use mastra_core::{
    EntityRef, ErrorKind, RecordStore, Result,
    sync::{
        EnumerationChange, FinishRun, MAX_SYNC_LEASE, MAX_SYNC_PAGE, NewHold, NewQuarantined, NewRun, PageCommit,
        QuarantineQuery, Run, RunError, RunId, RunQuery, RunState, RunUpdate, StakeWrite, SyncStore, Unseen,
    },
};
use serde_json::json;
use std::time::Duration;

const HOSTILE: [&str; 8] = [
    "it's",
    "\"; DROP TABLE sync_runs; --",
    "$1 %s ? :name {}",
    "a\\'b\\",
    "line\nbreak\ttab",
    "\u{202e}\u{1f600}e\u{301}",
    "{\"json\": [1]}",
    "%_*",
];

/// Every name and every text of a sync is data.
pub async fn names_and_texts_are_data(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for text in HOSTILE {
        through(store, syncs, text).await.map_err(|failure| failure.about(format!("{text:?}")))?;
    }
    let targets = syncs.list_targets(None).await?;
    let mut expected = HOSTILE;
    expected.sort_unstable();
    ensure_eq!(targets.iter().map(|target| target.sync_id.as_str()).collect::<Vec<_>>(), expected, "syncs in order");
    Ok(())
}

/// The longest names are kept whole, and told apart at their last byte.
pub async fn the_longest_names_are_kept(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let [one, other] = ["1", "2"].map(|end| format!("{}{end}", "ü".repeat(511) + "x"));
    for text in [&one, &other] {
        ensure_eq!(text.len(), 1_024, "bytes of a name");
        through(store, syncs, text).await?;
    }
    Ok(())
}

/// Takes a text through everything that keeps one.
async fn through(store: &dyn RecordStore, syncs: &dyn SyncStore, text: &str) -> Outcome {
    let new = NewRun { sync_id: text.into(), input_hash: text.into(), ..new_run(text, LONG) };
    let run = start(syncs, &new).await?;
    ensure_eq!((run.id.as_str(), run.sync_id.as_str(), run.input_hash.as_str()), (text, text, text), "the run");
    let hold = take(syncs, &NewHold { connection_id: text.into(), ..new_hold(text, text, &run, LONG) }).await?;
    ensure_eq!((hold.entity.name.as_str(), hold.entity.connection_id.as_str()), (text, text), "the entity");
    let entity = EntityRef::Id(hold.entity.id);
    put(store, &entity, [(text, json!({ "n": 1 }))]).await?;
    let written = StakeWrite { generation: None, version: Some(text.into()), ..stake(text, text) };
    let mut all = page(&run, &hold);
    all.cursor = Some(text.into());
    all.enumeration = EnumerationChange::Begin;
    all.stakes = vec![written, stake("other", text)];
    all.seen = strings([text]);
    all.quarantined = vec![NewQuarantined {
        external_id: Some(text.into()),
        raw: json!({ text: text }),
        error: text.into(),
        ..set_aside(text)
    }];
    all.ledger.target.source = Some(text.into());
    syncs.commit_page(&all).await?;
    let mut second = page(&run, &hold);
    second.enumeration = EnumerationChange::Advance(Some(text.into()));
    second.ledger = all.ledger.clone();
    syncs.commit_page(&second).await?;
    let target = info(syncs, &hold).await?;
    let enumeration = target.state.enumeration.and_then(|one| one.cursor);
    ensure_eq!((target.state.cursor.as_deref(), enumeration.as_deref()), (Some(text), Some(text)), "cursors");
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings([text])).await?;
    let record = there(store, &entity, text).await?;
    let own = views.first().and_then(|view| view.own.as_ref());
    let own = own.map(|stake| (stake.content.as_str(), stake.version.as_deref(), stake.generation));
    ensure_eq!(own, Some((text, Some(text), record.generation)), "the stake");
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 2, unseen: 1 }, "seen");
    ensure_eq!(syncs.list_stakes(hold.target, Some(text), 5).await?.len(), usize::from(text < "other"), "stakes behind it");
    let query = QuarantineQuery { sync_id: Some(text.into()), ..QuarantineQuery::default() };
    let items = syncs.list_quarantined(&query).await?;
    let [item] = items.as_slice() else { return Err(Failure::new(format!("one item is set aside: {items:?}"))) };
    let told = (item.key.as_str(), item.external_id.as_deref(), &item.raw, item.error.as_str());
    ensure_eq!(told, (text, Some(text), &json!({ text: text }), text), "what was set aside");
    let more = QuarantineQuery { after: Some((hold.target, text.into())), ..query };
    ensure_eq!(syncs.list_quarantined(&more).await?, [], "what stands behind it");
    ends(syncs, &run, text).await?;
    let query = RunQuery { sync_id: Some(text.into()), entity: Some(text.into()), ..RunQuery::default() };
    let listed = syncs.list_runs(&query).await?;
    ensure_eq!(listed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [text], "the list of runs");
    ensure_eq!(syncs.list_targets(Some(text)).await?.len(), 1, "the list of targets");
    let mut last = page(&run, &hold);
    last.dropped = strings([text, "other"]);
    last.settled = strings([text]);
    super::too_late(syncs.commit_page(&last).await)
}

async fn ends(syncs: &dyn SyncStore, run: &Run, text: &str) -> Outcome {
    let error = Some(RunError { kind: text.into(), message: text.into() });
    let finish = FinishRun { state: RunState::Failed, output: Some(json!({ text: [text] })), error };
    let end = RunUpdate { note: Some(text.into()), finish: Some(finish.clone()), lease: None };
    syncs.update_run(&run.id, run.attempt, &end).await?;
    let ended = syncs.get_run(&run.id).await?;
    ensure_eq!((ended.note.as_deref(), &ended.output, &ended.error), (Some(text), &finish.output, &finish.error), "how it ended");
    let source = ended.targets.first().and_then(|target| target.source.as_deref());
    ensure_eq!(source, Some(text), "what the ledger says of the target");
    Ok(())
}

/// Names that are none are refused.
pub async fn names_that_are_none_are_refused(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let long = "x".repeat(1_025);
    for bad in ["", " \n", "a\0b", &long] {
        let (id, none) = (RunId::new(bad), RunUpdate::default());
        let new = new_hold(SYNC, "E2", &run, LONG);
        no(syncs.begin_run(&new_run(bad, LONG)).await)?;
        no(syncs.begin_run(&NewRun { sync_id: bad.into(), ..new_run("2", LONG) }).await)?;
        no(syncs.get_run(&id).await)?;
        no(syncs.update_run(&id, 1, &none).await)?;
        no(syncs.acquire(&NewHold { sync_id: bad.into(), ..new.clone() }).await)?;
        no(syncs.acquire(&NewHold { entity: bad.into(), ..new.clone() }).await)?;
        no(syncs.acquire(&NewHold { connection_id: bad.into(), ..new.clone() }).await)?;
        no(syncs.acquire(&NewHold { run_id: id.clone(), ..new.clone() }).await)?;
        no(syncs.list_targets(Some(bad)).await)?;
        no(syncs.list_runs(&RunQuery { sync_id: Some(bad.into()), ..RunQuery::default() }).await)?;
        no(syncs.list_runs(&RunQuery { entity: Some(bad.into()), ..RunQuery::default() }).await)?;
        no(syncs.list_quarantined(&QuarantineQuery { sync_id: Some(bad.into()), ..QuarantineQuery::default() }).await)?;
        no(syncs.read_stakes(hold.entity.id, None, &strings(["a", bad])).await)?;
        for wrong in [
            PageCommit { seen: strings(["a", bad]), ..page(&run, &hold) },
            PageCommit { dropped: strings([bad]), ..page(&run, &hold) },
            PageCommit { stakes: stakes(["a", bad]), ..page(&run, &hold) },
            PageCommit { quarantined: vec![set_aside(bad)], ..page(&run, &hold) },
        ] {
            no(syncs.commit_page(&wrong).await)?;
        }
    }
    ensure_eq!(syncs.get_run(&run.id).await?, run, "the run");
    ensure_eq!(syncs.list_targets(None).await?.len(), 1, "targets");
    Ok(())
}

/// Texts that not every backend can keep are refused by all of them.
pub async fn texts_with_nul_are_refused(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let nul = || "a\0b".to_owned();
    no(syncs.begin_run(&NewRun { input_hash: nul(), ..new_run("2", LONG) }).await)?;
    no(syncs.update_run(&run.id, 1, &RunUpdate { note: Some(nul()), ..RunUpdate::default() }).await)?;
    for wrong in [
        PageCommit { cursor: Some(nul()), ..page(&run, &hold) },
        PageCommit { enumeration: EnumerationChange::Advance(Some(nul())), ..page(&run, &hold) },
        PageCommit { stakes: vec![stake("a", &nul())], ..page(&run, &hold) },
        PageCommit { stakes: vec![StakeWrite { version: Some(nul()), ..stake("a", "content") }], ..page(&run, &hold) },
        PageCommit { quarantined: vec![NewQuarantined { error: nul(), ..set_aside("a") }], ..page(&run, &hold) },
        PageCommit { quarantined: vec![NewQuarantined { external_id: Some(nul()), ..set_aside("a") }], ..page(&run, &hold) },
    ] {
        no(syncs.commit_page(&wrong).await)?;
    }
    ensure_eq!(syncs.get_run(&run.id).await?, run, "the run");
    ensure_eq!(syncs.list_targets(None).await?.len(), 1, "targets");
    Ok(())
}

/// Takes the refusal of what cannot be meant.
#[track_caller]
fn no<T: std::fmt::Debug>(result: Result<T>) -> Outcome {
    refused(result, ErrorKind::InvalidInput).map(drop)
}

/// Leases, pages and ends that are none are refused.
pub async fn arguments_that_are_none_are_refused(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    for lease in [Duration::ZERO, Duration::from_nanos(1), MAX_SYNC_LEASE + Duration::from_millis(1), Duration::MAX] {
        no(syncs.begin_run(&new_run("2", lease)).await)?;
        no(syncs.update_run(&run.id, 1, &RunUpdate { lease: Some(lease), ..RunUpdate::default() }).await)?;
        no(syncs.acquire(&new_hold(SYNC, "E2", &run, lease)).await)?;
        no(syncs.extend_hold(&hold, lease).await)?;
        no(syncs.commit_page(&PageCommit { lease, ..page(&run, &hold) }).await)?;
    }
    for state in [RunState::Running, RunState::Lost] {
        no(syncs.update_run(&run.id, 1, &finish(state, None)).await)?;
    }
    let most = u32::try_from(MAX_SYNC_PAGE).unwrap_or(u32::MAX);
    for limit in [0, most + 1, u32::MAX] {
        no(syncs.list_stakes(hold.target, None, limit).await)?;
        no(syncs.list_unseen(hold.target, limit).await)?;
    }
    for limit in [0, 1_001, u32::MAX] {
        no(syncs.list_runs(&RunQuery { limit: Some(limit), ..RunQuery::default() }).await)?;
        no(syncs.list_quarantined(&QuarantineQuery { limit: Some(limit), ..QuarantineQuery::default() }).await)?;
    }
    let ids: Vec<String> = (0..=MAX_SYNC_PAGE).map(|n| n.to_string()).collect();
    no(syncs.read_stakes(hold.entity.id, None, &ids).await)?;
    for wrong in [
        PageCommit { stakes: stakes(["a", "b", "a"]), ..page(&run, &hold) },
        PageCommit { quarantined: vec![set_aside("a"), set_aside("a")], ..page(&run, &hold) },
        PageCommit { stakes: stakes(ids.iter().map(String::as_str)), ..page(&run, &hold) },
        PageCommit { quarantined: ids.iter().map(|id| set_aside(id)).collect(), ..page(&run, &hold) },
        PageCommit { seen: ids.clone(), ..page(&run, &hold) },
        PageCommit { dropped: ids, ..page(&run, &hold) },
    ] {
        no(syncs.commit_page(&wrong).await)?;
    }
    ensure_eq!(syncs.list_runs(&RunQuery::default()).await?, [run], "the ledger");
    ensure_eq!(syncs.list_targets(None).await?.len(), 1, "targets");
    ensure_eq!(external_ids(syncs, &hold).await?, [""; 0], "stakes");
    Ok(())
}

/// The longest lease, and the shortest, are leases.
pub async fn leases_at_their_bounds_are_kept(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = start(syncs, &new_run("1", MAX_SYNC_LEASE)).await?;
    ensure_eq!(syncs.get_run(&run.id).await?.state, RunState::Running, "a run of the longest lease");
    let hold = take(syncs, &new_hold(SYNC, "E", &run, MAX_SYNC_LEASE)).await?;
    let second = started(syncs, "2").await?;
    let busy = syncs.acquire(&new_hold(SYNC, "E", &second, LONG)).await?;
    ensure!(matches!(busy, mastra_core::sync::Acquired::Busy { .. }), "a target of the longest lease: {busy:?}");
    syncs.extend_hold(&hold, Duration::from_millis(1)).await?;
    super::take_over(syncs, &new_hold(SYNC, "E", &second, Duration::from_millis(1))).await?;
    Ok(())
}

/// What a run returned is kept as it was, or refused, and then the run goes on.
pub async fn outputs_are_kept_or_refused(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let outputs = [
        json!(null),
        json!("plain"),
        json!([1, -0.5, 1e300, u64::MAX, i64::MIN]),
        json!({ "é\n": { "": ["\\u0000", "it's"] } }),
        json!("a\u{0}b"),
        json!({ "\u{0}": 1 }),
    ];
    for (place, output) in outputs.into_iter().enumerate() {
        let run = started(syncs, &place.to_string()).await?;
        let nul = output.to_string().contains("\\u0000") && place > 3;
        match syncs.update_run(&run.id, 1, &finish(RunState::Succeeded, Some(output.clone()))).await {
            Err(error) if nul && error.kind() == ErrorKind::InvalidInput => {
                ensure_eq!(syncs.get_run(&run.id).await?, run, "the run whose output was refused");
            }
            done => {
                done?;
                let found = syncs.get_run(&run.id).await?.output;
                // An output of null is none.
                ensure_eq!(found.unwrap_or_default(), output, "the output {place}");
            }
        }
    }
    Ok(())
}

//! Reading ahead: a thread cuts, parses and checks records while the engine stores the batch before.

use super::{interpret::Rules, piece::Place, rejects::Reject, source::Source};
use crate::exit::file_error;
use mastra_core::{Error, NewRecord, Result};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// So many bytes of text make a batch even where it holds fewer records than asked for.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;
/// So many batches wait for the engine.
const AHEAD: usize = 2;

/// Records that are stored together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<NewRecord>,
    pub(crate) rejects: Vec<Reject>,
    /// Where reading goes on once it is stored: which file, and where in it.
    pub(crate) behind: (usize, Place),
    /// The bytes that it was read from.
    pub(crate) bytes: u64,
}

/// Starts reading; the end of the channel is the end of the files.
pub(crate) fn start(sources: Vec<(Source, Rules)>, from: (usize, Place), size: usize) -> Result<Receiver<Result<Batch>>> {
    let (sender, receiver) = channel(AHEAD);
    let work = move || {
        if let Err(error) = read(sources, from, size, &sender) {
            // Nobody listens once the import has ended.
            let _ = sender.blocking_send(Err(error));
        }
    };
    let spawned = std::thread::Builder::new().name("mastra-import".to_owned()).spawn(work);
    spawned.map(|_| receiver).map_err(|source| Error::internal("cannot start the reader").with_source(source))
}

fn read(sources: Vec<(Source, Rules)>, (first, place): (usize, Place), size: usize, out: &Sender<Result<Batch>>) -> Result<()> {
    for (index, (mut source, rules)) in sources.into_iter().enumerate().skip(first) {
        let from = (index == first).then_some(place);
        let mut pieces = source.pieces(from).map_err(|error| file_error("cannot read", &source.name, error))?;
        let mut batch = Batch { records: Vec::with_capacity(size), rejects: Vec::new(), behind: (index, place), bytes: 0 };
        let mut begin = from.map_or(0, |place| place.offset);
        loop {
            let piece = pieces.next().map_err(|error| file_error("cannot read", &source.name, error))?;
            let ended = piece.is_none();
            if let Some(piece) = piece {
                batch.behind = (index, piece.behind);
                batch.bytes = piece.behind.offset - begin;
                match piece.content.and_then(|content| rules.record(content)) {
                    Ok(record) => batch.records.push(record),
                    Err(unreadable) => batch.rejects.push(Reject::new(&source.name, piece.line, unreadable)),
                }
            }
            if ended {
                // Behind the last record stands the next file, or the end of all.
                batch.behind = (index + 1, Place::START);
            }
            if ended || batch.records.len() + batch.rejects.len() >= size || batch.bytes >= BATCH_BYTES {
                begin += batch.bytes;
                let next = Batch { records: Vec::with_capacity(size), rejects: Vec::new(), behind: batch.behind, bytes: 0 };
                if out.blocking_send(Ok(std::mem::replace(&mut batch, next))).is_err() {
                    return Ok(());
                }
            }
            if ended {
                break;
            }
        }
    }
    Ok(())
}

//! From a text to the places of its chunks.

use std::ops::Range;

use mastra_core::Result;

use super::boundaries::{choose, overlap_starts};
use super::config::Strategy;
use super::window::{Measure, Window, part, skip_blank};
use crate::document::{Structure, structure::Begins};

/// How to cut.
#[derive(Debug, Clone)]
pub(super) struct Cutter {
    pub(super) strategy: Strategy,
    pub(super) max: usize,
    pub(super) overlap: usize,
    pub(super) measure: Measure,
}

/// A chunk's place, without white space about it, and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) span: Range<usize>,
    pub(super) size: usize,
}

impl Cutter {
    /// The chunks of a text, in order. What begins where a chunk ends is decided by what stands in its window alone: the time is
    /// linear, and text that is appended changes the last chunks only.
    pub(super) fn cut(&self, text: &str, structure: &Structure) -> Result<Vec<Cut>> {
        let mut cuts = Vec::new();
        let mut start = 0;
        for stop in self.sections(text, structure) {
            self.cut_section(text, structure, start..stop, &mut cuts)?;
            start = stop;
        }
        Ok(cuts)
    }

    /// Where sections end that no chunk reaches over. A heading without a text of its own stays with the one below it.
    fn sections(&self, text: &str, structure: &Structure) -> Vec<usize> {
        let mut ends = Vec::new();
        if self.strategy == Strategy::Markdown {
            let mut headings = structure.headings.iter();
            let mut body = 0;
            for (at, _) in structure.begins.iter().filter(|(_, what)| matches!(what, Begins::Section(_))) {
                if skip_blank(text, body.min(*at), *at) < *at {
                    ends.push(*at);
                }
                body = headings.next().map_or(*at, |heading| heading.span.end);
            }
        }
        ends.push(text.len());
        ends
    }

    fn cut_section(&self, text: &str, structure: &Structure, section: Range<usize>, cuts: &mut Vec<Cut>) -> Result<()> {
        let stop = section.end;
        // What is not in a chunk yet, and where the next chunk begins: there, or before it by an overlap.
        let mut rest = skip_blank(text, section.start, stop);
        let mut begin = rest;
        while rest < stop {
            let mut window = Window::open(&self.measure, text, begin, stop, self.max)?;
            if window.limit() <= rest && begin < rest {
                // The overlap leaves no room: what follows it is larger than it looked.
                begin = rest;
                window = Window::open(&self.measure, text, begin, stop, self.max)?;
            }
            let Some((end, cut)) = self.cut_window(text, structure, &mut window, rest, stop)? else {
                begin = rest;
                continue;
            };
            rest = skip_blank(text, end, stop);
            begin = self.overlap(text, structure, &window, cut.span.end, rest)?;
            cuts.push(cut);
        }
        Ok(())
    }

    /// Where the chunk ends that begins with the window and reaches past `floor`, with what follows it, and its place; none where an
    /// overlap before `floor` leaves no room.
    fn cut_window(
        &self,
        text: &str,
        structure: &Structure,
        window: &mut Window,
        floor: usize,
        stop: usize,
    ) -> Result<Option<(usize, Cut)>> {
        let start = window.start;
        loop {
            let all = skip_blank(text, window.limit(), stop) == stop;
            let end = if all { window.limit() } else { choose(self.strategy, text, structure, window, floor) };
            let inked = window.inked(end);
            let size = match &self.measure {
                Measure::Characters => window.count_to(inked),
                Measure::Tokens(tokenizer) => tokenizer.count(part(text, start, inked))?,
            };
            // The part of a text can have more tokens than it had within the whole.
            if size <= self.max || window.len() <= 1 {
                return Ok(Some((end, Cut { span: start..inked, size })));
            }
            window.shrink(end);
            if window.limit() <= floor && floor > start {
                return Ok(None);
            }
        }
    }

    /// Where the next chunk begins, for the one that ends at `end`; `rest` where it repeats nothing.
    fn overlap(&self, text: &str, structure: &Structure, window: &Window, end: usize, rest: usize) -> Result<usize> {
        // A section begins: what stands before it belongs to another.
        let section = || structure.between(end, rest).iter().any(|(_, what)| matches!(what, Begins::Section(_)));
        if self.overlap == 0 || section() {
            return Ok(rest);
        }
        let first = window.end_of(1);
        match &self.measure {
            Measure::Characters => {
                let from = window.end_of(window.count_to(end).saturating_sub(self.overlap));
                let mut starts = overlap_starts(self.strategy, text, window, from.max(first), end);
                Ok(starts.next().map_or(rest, |at| skip_blank(text, at, rest)))
            }
            Measure::Tokens(tokenizer) => {
                let ends = tokenizer.token_ends(part(text, window.start, end))?;
                let before = ends.len().checked_sub(self.overlap + 1).and_then(|index| ends.get(index));
                let from = before.map_or(first, |before| window.start + before).max(first);
                let from = if window.is_boundary(from) { from } else { window.end_of(window.count_to(from) + 1) };
                for at in overlap_starts(self.strategy, text, window, from, end) {
                    let at = skip_blank(text, at, rest);
                    if tokenizer.count(part(text, at, end))? <= self.overlap {
                        return Ok(at);
                    }
                }
                Ok(rest)
            }
        }
    }
}

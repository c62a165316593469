//! Where a text can be cut.

use unicode_segmentation::UnicodeSegmentation as _;

use super::config::Strategy;
use super::window::{Window, part};
use crate::document::{Structure, structure::Begins};

/// How far behind the window is looked for what a boundary in it depends on.
const AHEAD: usize = 64;

/// What ends where a cut is made, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ends {
    Paragraph,
    Block(Begins),
}

/// Where to end a chunk that begins with the window and has to reach past `floor`.
pub(super) fn choose(strategy: Strategy, text: &str, structure: &Structure, window: &Window, floor: usize) -> usize {
    if matches!(strategy, Strategy::Character | Strategy::Token) {
        return window.limit();
    }
    let quarter = window.end_of(window.len() / 4);
    let half = window.end_of(window.len() / 2);
    let sentences = strategy == Strategy::Sentence;
    if !sentences && let Some(end) = greatest(text, structure, window, quarter.max(floor)) {
        return end;
    }
    let least = if sentences { floor } else { half.max(floor) };
    let (mut sentence, mut line) = (None, None);
    for (offset, whole) in sentence_starts(text, window, window.start) {
        if offset > least && whole {
            sentence = Some(offset);
        } else if offset > half.max(floor) {
            line = Some(offset);
        }
    }
    sentence.or(line).or_else(|| word_end(text, window, half.max(floor))).unwrap_or_else(|| window.limit())
}

/// The last of the greatest parts of the text that end behind `least`.
fn greatest(text: &str, structure: &Structure, window: &Window, least: usize) -> Option<usize> {
    let blocks = structure.between(least, window.limit()).iter().map(|(at, what)| (Ends::Block(*what), *at));
    let block = blocks.filter(|(_, at)| window.is_boundary(*at)).max();
    // A block that is known is greater than any paragraph.
    let found = block.or_else(|| Some((Ends::Paragraph, last_paragraph(text, window, least)?)));
    found.map(|(_, at)| at)
}

/// The beginning of the last paragraph that begins behind `least`: two line breaks, with nothing but white space between, stand before it.
fn last_paragraph(text: &str, window: &Window, least: usize) -> Option<usize> {
    let bytes = part(text, least, window.limit()).as_bytes();
    let (mut breaks, mut next) = (0, None);
    for (index, byte) in bytes.iter().enumerate().rev() {
        match byte {
            b'\n' => {
                next.get_or_insert(least + index + 1);
                breaks += 1;
            }
            b'\r' if bytes.get(index + 1) == Some(&b'\n') => {}
            b'\r' => {
                next.get_or_insert(least + index + 1);
                breaks += 1;
            }
            b' ' | b'\t' => {}
            _ => (breaks, next) = (0, None),
        }
        if breaks == 2
            && let Some(at) = next.filter(|at| window.is_boundary(*at))
        {
            return Some(at);
        }
    }
    None
}

/// Where sentences begin in the window, behind `from`, and whether it is a sentence that ended there: a line that ends within one
/// has a beginning too.
fn sentence_starts<'a>(text: &'a str, window: &'a Window, from: usize) -> impl Iterator<Item = (usize, bool)> + 'a {
    let sentences = ahead(text, from, window.limit()).split_sentence_bound_indices();
    let ends =
        sentences.map(move |(at, sentence)| (from + at + sentence.len(), sentence)).take_while(|(end, _)| *end <= window.limit());
    let mut blank_line = true;
    ends.filter_map(move |(end, sentence)| {
        let bare = sentence.trim_end();
        // A line break of its own follows a line break: a paragraph ended.
        let whole = if bare.is_empty() {
            blank_line
        } else {
            !sentence.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) || is_ended(bare)
        };
        blank_line = sentence.ends_with(['\n', '\r']);
        window.is_boundary(end).then_some((end, whole))
    })
}

/// Whether a line ends with the end of a sentence.
fn is_ended(line: &str) -> bool {
    let bare = line.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '*', '_', '`']);
    bare.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।', '॥', '։', '።'])
}

/// The last end of a word behind `least`, before or behind white space if there is such a one.
fn word_end(text: &str, window: &Window, least: usize) -> Option<usize> {
    let (mut spaced, mut any) = (None, None);
    let mut before: Option<&str> = None;
    for (at, word) in ahead(text, least, window.limit()).split_word_bound_indices() {
        let offset = least + at;
        if offset > window.limit() {
            break;
        }
        if let Some(before) = before
            && offset > least
            && window.is_boundary(offset)
        {
            any = Some(offset);
            if parted(before, word) || word.starts_with(char::is_whitespace) {
                spaced = Some(offset);
            }
        }
        before = Some(word);
    }
    spaced.or(any)
}

/// Where the overlap begins: in the chunk that is `text[window.start..end]`, at `from` or behind it, and before `end`; in order.
pub(super) fn overlap_starts<'a>(
    strategy: Strategy,
    text: &'a str,
    window: &'a Window,
    from: usize,
    end: usize,
) -> Box<dyn Iterator<Item = usize> + 'a> {
    match strategy {
        Strategy::Character | Strategy::Token => {
            Box::new((window.count_to(from)..).map(|count| window.end_of(count)).take_while(move |at| *at < end))
        }
        Strategy::Sentence => {
            let whole = sentence_starts(text, window, window.start).filter_map(|(at, whole)| whole.then_some(at));
            Box::new(whole.skip_while(move |at| *at < from).take_while(move |at| *at < end))
        }
        _ => {
            // The word before tells whether one begins at `from`.
            let back = window.end_of(window.count_to(from).saturating_sub(2));
            let mut before: Option<&str> = None;
            let words = part(text, back, end).split_word_bound_indices().filter_map(move |(at, word)| {
                let parted = before.replace(word).is_some_and(|before| parted(before, word));
                parted.then_some(back + at)
            });
            Box::new(words.filter(move |at| *at >= from && window.is_boundary(*at)))
        }
    }
}

/// Whether a word begins behind `before`: white space stands there, or the script has none.
fn parted(before: &str, word: &str) -> bool {
    let unspaced = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && c.is_alphabetic());
    let begins = !word.starts_with(char::is_whitespace);
    begins && (before.ends_with(char::is_whitespace) || (unspaced(before.chars().next_back()) && unspaced(word.chars().next())))
}

/// The text from `from` to the limit, and what is looked at behind it.
fn ahead(text: &str, from: usize, limit: usize) -> &str {
    part(text, from, text.ceil_char_boundary(limit.saturating_add(AHEAD)))
}

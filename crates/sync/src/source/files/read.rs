//! From files to pages: what formats of lines and rows share.

use super::{
    blocking,
    cursor::{self, Place},
    listing::Listing,
    options::FileOptions,
    state,
    window::Window,
};
use crate::source::{Item, Page, Pages, Position};
use mastra_core::{Error, Result};
use std::fmt;

/// A text format whose items stand one behind the other.
pub(super) trait Format: fmt::Debug + Clone + Send + Sync + 'static {
    /// What it is called in traces and cursors.
    const KIND: &'static str;
    /// What the names of such files end in, in lower case.
    const EXTENSIONS: &'static [&'static str];
    /// What reads one file.
    type Items: Items;

    /// Begins a file, and reads what describes it.
    fn begin(&self, window: Window, name: &str, options: &FileOptions) -> Result<Self::Items>;
}

/// The items of one file.
pub(super) trait Items: Send + 'static {
    /// The next item; none at the file's end.
    fn next(&mut self) -> Result<Option<Item>>;

    /// The file, where the items have come to.
    fn window(&mut self) -> &mut Window;
}

/// The pages of the files behind a cursor.
pub(super) fn pages<F: Format>(format: F, options: FileOptions, from: Position<'_>) -> Pages<'static> {
    let (cursor, last) = (from.cursor, from.last);
    blocking::pages(move || Reader::open(format, options, cursor.as_deref(), last.as_deref()))
}

struct Reader<F: Format> {
    format: F,
    options: FileOptions,
    listing: Listing,
    index: usize,
    items: Option<F::Items>,
    /// What tells these options from others.
    shape: String,
    /// Whether everything is as the run before left it.
    unchanged: bool,
}

impl<F: Format> Reader<F> {
    fn open(format: F, options: FileOptions, from: Option<&str>, last: Option<&str>) -> Result<Self> {
        options.check()?;
        let from = from.map(|text| cursor::read::<Place>(text, F::KIND)).transpose()?;
        if from.as_ref().is_some_and(|place| place.format != F::KIND) {
            return Err(cursor::foreign(F::KIND));
        }
        let listing = Listing::of(&options.path, F::EXTENSIONS)?;
        let shape = state::short(&format!("{format:?} {:?}", options.id_field));
        let mut reader = Self { format, options, shape, listing, index: 0, items: None, unchanged: false };
        match (from, last) {
            (Some(place), _) => {
                if !reader.resume(&place)? {
                    tracing::info!(source = F::KIND, file = place.file, "what was read before has changed; beginning anew");
                }
            }
            // Another source's cursor, or one in front of something, tells nothing.
            (None, Some(last)) => {
                let place = cursor::read::<Place>(last, F::KIND).ok().filter(|place| place.format == F::KIND);
                reader.unchanged = match place {
                    Some(place) => reader.resume(&place)? && reader.is_at_end(),
                    None => false,
                };
                if !reader.unchanged {
                    (reader.index, reader.items) = (0, None);
                }
            }
            (None, None) => {}
        }
        Ok(reader)
    }

    /// Whether nothing stands behind the place that was gone on from.
    fn is_at_end(&mut self) -> bool {
        let last = self.index + 1 == self.listing.files.len();
        last && self.items.as_mut().is_some_and(|items| items.window().offset == items.window().opened.bytes)
    }

    /// Goes on behind a place; false where what stands in front of it is not what it was.
    fn resume(&mut self, place: &Place) -> Result<bool> {
        let Some(index) = self.listing.files.iter().position(|file| file.name == place.file) else { return Ok(false) };
        if self.listing.before(index) != place.before || place.options != self.shape {
            return Ok(false);
        }
        let mut items = self.begin(index)?;
        // What describes the file has been read; the rest in front of the place is only compared.
        if !items.window().skip_to(place.offset, place.line, &place.sha256)? {
            return Ok(false);
        }
        (self.index, self.items) = (index, Some(items));
        Ok(true)
    }

    fn begin(&self, index: usize) -> Result<F::Items> {
        let Some(file) = self.listing.files.get(index) else {
            return Err(Error::internal("a file is missing from its own listing"));
        };
        let window = Window::open(file.path.clone())?;
        if !window.opened.continues(&file.state) {
            return Err(state::changed(&file.path));
        }
        self.format.begin(window, &file.name, &self.options)
    }

    /// The cursor behind what was read of the present file.
    fn cursor(&self, window: &Window) -> Result<String> {
        let place = window.resumable();
        cursor::write(&Place {
            format: F::KIND.to_owned(),
            options: self.shape.clone(),
            file: self.listing.files.get(self.index).map(|file| file.name.clone()).unwrap_or_default(),
            offset: place.offset,
            line: place.line,
            sha256: state::hex(&place.hash()),
            before: self.listing.before(self.index),
        })
    }

    /// Ends the present file: it has to be what it was when it was opened.
    fn finish(&mut self, window: &Window) -> Result<()> {
        let Some(file) = self.listing.files.get_mut(self.index) else { return Ok(()) };
        let end = window.here();
        (file.state, file.read) = (window.opened, Some((end.offset, end.hash())));
        state::verify(&file.path, &window.opened, end.offset, &end.hash())
    }
}

impl<F: Format> blocking::Reader for Reader<F> {
    fn next_page(&mut self) -> Result<Option<Page>> {
        let mut page = Page::default();
        while self.index < self.listing.files.len() {
            let mut items = match self.items.take() {
                Some(items) => items,
                None => self.begin(self.index)?,
            };
            let (begun, earlier) = (items.window().offset, page.bytes);
            loop {
                page.bytes = earlier + (items.window().offset - begun);
                if page.items.len() >= self.options.page_items || page.bytes >= self.options.page_bytes {
                    page.cursor = Some(self.cursor(items.window())?);
                    self.items = Some(items);
                    return Ok(Some(page));
                }
                let Some(item) = items.next()? else { break };
                page.items.push(item);
            }
            page.bytes = earlier + (items.window().offset - begun);
            page.cursor = Some(self.cursor(items.window())?);
            self.finish(items.window())?;
            self.index += 1;
        }
        // Everything has to be as it was read before it is said to be all.
        self.listing.verify()?;
        page.unchanged = std::mem::take(&mut self.unchanged);
        Ok((page.unchanged || !page.items.is_empty()).then_some(page))
    }
}

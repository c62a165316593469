//! From every cursor exactly the rest follows.

use super::*;
use mastra_sync::source::files::{Csv, FileOptions, Folder, JsonLines};
use proptest::prelude::*;

/// Reads to the end, and from every cursor to the end: each rest must be what followed.
fn check(source: &dyn Source, settled: bool) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let read = pages(source, Position::start()).await.unwrap();
        for (index, page) in read.iter().enumerate() {
            let followed = shown(&read[index + 1..]);
            let (items, _) = rest(source, page.cursor.as_deref().unwrap()).await;
            if settled {
                prop_assert_eq!(&items, &followed);
            } else {
                // What is not settled at the file's end is read again, and nothing else.
                prop_assert!(shown(&read).ends_with(&items) && items.ends_with(&followed), "{:?} {:?}", items, followed);
            }
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn of_json_lines(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{\"id\":1}\n", "{\"id\":\"ä𝄞\"}\r\n", "\n", "  \r\n", "bad\n", "{\"id\":", "{\"a\":\"x,y\"}\n", "[]\n", "\r", "\u{feff}",
            "{\"id\":\"0123456789012345678901234567890123456789\"}\n", "\"",
        ]), 0..40),
        items in 1..5_usize, line in 5..60_usize, split in 0..40_usize,
    ) {
        let content = pieces.concat();
        let folder = tempfile::tempdir().unwrap();
        let cut = pieces.iter().take(split).map(|piece| piece.len()).sum::<usize>();
        // Two files, so that pages go over from one to the other.
        std::fs::write(folder.path().join("a.jsonl"), &content[..cut]).unwrap();
        std::fs::write(folder.path().join("b.jsonl"), &content[cut..]).unwrap();
        let source = JsonLines::new(FileOptions::new(folder.path()).id_field("id").page_items(items).line_bytes(line));
        let whole = |content: &str| content.is_empty() || content.ends_with('\n');
        check(&source, whole(&content[..cut]) && whole(&content[cut..]))?;
    }

    #[test]
    fn of_csv(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "1,a\n", "2,\"b\"\r\n", "3,\"two\nlines\"\n", "\n", "4,c,d\n", "5,\"\"\"\"\n", "\"", "6,ä𝄞\r", ",\n", "7,0123456789012345678901234567890123456789\n",
            "\u{feff}8,x\n",
        ]), 0..40),
        items in 1..5_usize, line in 8..60_usize,
    ) {
        let content = format!("id,name\n{}", pieces.concat());
        let (_folder, path) = file("c.csv", &content);
        let quotes = pieces.contains(&"\"");
        let source = Csv::new(FileOptions::new(path).id_field("id").page_items(items).line_bytes(line));
        // A carriage return ends a row, but not the line that stands for a row past the bound.
        check(&source, content.ends_with('\n') && !quotes)?;
    }
}

#[test]
fn of_folders() {
    let folder = tempfile::tempdir().unwrap();
    for id in 0..250 {
        std::fs::create_dir_all(folder.path().join(format!("{}", id % 7))).unwrap();
        std::fs::write(folder.path().join(format!("{}/{id}.md", id % 7)), format!("# {id}")).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let source = Folder::new(folder.path());
        let read = pages(&source, Position::start()).await.unwrap();
        assert_eq!(read.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [100, 100, 50]);
        for index in 0..2 {
            assert_eq!(rest(&source, read[index].cursor.as_deref().unwrap()).await.0, shown(&read[index + 1..]));
        }
        // Behind the last page stands the beginning: the next run looks at all files again.
        assert_eq!(rest(&source, read[2].cursor.as_deref().unwrap()).await.0, shown(&read));
    });
}

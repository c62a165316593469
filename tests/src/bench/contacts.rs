//! Contacts to measure with: made here where the folder has none, the same at every run.

use mastra_core::{Error, Result};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

/// How many there are.
const COUNT: usize = 20_000;

/// Fills the folder where it has no `records.jsonl` yet; says whether it did.
pub(super) fn ensure(directory: &Path) -> Result<bool> {
    let path = directory.join("records.jsonl");
    if path.exists() {
        return Ok(false);
    }
    let failed = |source: std::io::Error| {
        Error::invalid_input("cannot write the records to measure with").with("path", path.display()).with_source(source)
    };
    fs::create_dir_all(directory).map_err(failed)?;
    // Under another name until it is whole: half a file would be measured as if it were all.
    let partial = directory.join("records.jsonl.partial");
    let mut file = BufWriter::new(File::create(&partial).map_err(failed)?);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let words: Vec<String> = (0..4_000).map(|_| random.word()).collect();
    for number in 0..COUNT {
        let line = json!({ "externalId": format!("c{number}"), "data": contact(number, &mut random, &words) });
        writeln!(file, "{line}").map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)?;
    Ok(true)
}

fn contact(number: usize, random: &mut Random, words: &[String]) -> Value {
    let notes: Vec<&str> = (0..30).map(|_| random.pick(words)).collect();
    let tags = ["new", "vip", "eu", "us", "churned", "trial"].map(str::to_owned);
    let stages = ["lead", "open", "won", "lost"].map(str::to_owned);
    json!({
        "name": format!("{} {}", random.pick(words), random.pick(words)),
        "email": format!("user{number}@{}.example", random.pick(words)),
        "company": { "name": random.pick(words), "size": 1 + random.below(5_000) },
        "amount": random.below(1_000_000) as f64 / 100.0,
        "active": random.below(2) == 0,
        "tags": [random.pick(&tags), random.pick(&tags)],
        "stage": random.pick(&stages),
        "notes": notes.join(" "),
    })
}

/// Xorshift: enough to spread values, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap_or_default()
    }

    fn pick<'a>(&mut self, items: &'a [String]) -> &'a str {
        items.get(self.below(items.len())).map_or("", String::as_str)
    }

    fn word(&mut self) -> String {
        let length = 3 + self.below(7);
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap_or_default())).collect()
    }
}

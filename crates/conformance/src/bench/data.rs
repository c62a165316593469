//! What is measured with: points in clusters, as embeddings lie, and questions from the same clusters.

use crate::Random;
use mastra_core::{Error, Filter, Result, vector::NewPoint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
};

/// Where most points lie near.
const CENTRES: usize = 64;
/// How far they spread around a centre, of which each number spreads by 1.
const SPREAD: f64 = 0.6;

/// How much data is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Points; 20,000 by default.
    pub points: usize,
    /// The length of vectors; 384 by default.
    pub dimension: usize,
    /// Questions; 500 by default.
    pub questions: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { points: 20_000, dimension: 384, questions: 500 }
    }
}

/// Points with metadata, and vectors to search for.
///
/// ```
/// use mastra_conformance::bench::{DataSet, Shape};
///
/// let data = DataSet::generate(Shape { points: 100, dimension: 8, questions: 3 });
/// assert_eq!((data.points().len(), data.questions().len(), data.dimension()), (100, 3, 8));
/// ```
#[derive(Debug, Clone)]
pub struct DataSet {
    points: Vec<NewPoint>,
    questions: Vec<Vec<f32>>,
}

/// A line of `queries.jsonl`.
#[derive(Serialize, Deserialize)]
struct Question {
    vector: Vec<f32>,
}

impl DataSet {
    /// Reads `vectors.jsonl` (`{"id", "vector", "metadata"}` a line) and `queries.jsonl` (`{"vector"}` a line) of a folder.
    ///
    /// Fails as `InvalidInput` where a file cannot be read or is empty, an id is missing or repeated, or vectors differ in length.
    pub fn load(directory: &Path) -> Result<Self> {
        let points: Vec<NewPoint> = lines(&directory.join("vectors.jsonl"))?;
        let questions: Vec<Question> = lines(&directory.join("queries.jsonl"))?;
        let data = Self { points, questions: questions.into_iter().map(|question| question.vector).collect() };
        data.check().map_err(|error| error.with("directory", directory.display()))?;
        Ok(data)
    }

    /// Whether the folder has the files that [`DataSet::load`] reads.
    pub fn is_in(directory: &Path) -> bool {
        ["vectors.jsonl", "queries.jsonl"].iter().all(|name| directory.join(name).exists())
    }

    /// Unit vectors around 64 centres, the same at every run. Metadata: `category` a to h, `price` 0 to 999, `tenant` t0 to t99, and
    /// twenty words as `text`.
    pub fn generate(shape: Shape) -> Self {
        let mut random = Random::new(7);
        let words: Vec<String> = (0..4_000).map(|_| word(&mut random)).collect();
        let centres: Vec<Vec<f64>> = (0..CENTRES).map(|_| (0..shape.dimension).map(|_| normal(&mut random)).collect()).collect();
        let vector = |random: &mut Random| {
            let near = random.pick(&centres).map_or(&[][..], Vec::as_slice);
            unit(near.iter().map(|number| number + SPREAD * normal(random)).collect())
        };
        let point = |number: usize| {
            let numbers = vector(&mut random);
            let text: Vec<&str> = (0..20).filter_map(|_| random.pick(&words)).map(String::as_str).collect();
            NewPoint::new(format!("v{number}"), numbers).metadata(json!({
                "category": random.one_of(["a", "b", "c", "d", "e", "f", "g", "h"]),
                "price": random.below(1_000),
                "tenant": format!("t{}", number % 100),
                "text": text.join(" "),
            }))
        };
        let points = (0..shape.points).map(point).collect();
        let questions = (0..shape.questions).map(|_| vector(&mut random)).collect();
        Self { points, questions }
    }

    /// Writes the files that [`DataSet::load`] reads.
    pub fn save(&self, directory: &Path) -> Result<()> {
        let failed = |source: std::io::Error| {
            Error::invalid_input("cannot write the vectors to measure with")
                .with("directory", directory.display())
                .with_source(source)
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let questions = self.questions.iter().map(|vector| Question { vector: vector.clone() });
        write(&directory.join("queries.jsonl"), questions).map_err(failed)?;
        let points =
            self.points.iter().map(|point| json!({ "id": point.id, "vector": point.vector, "metadata": point.metadata }));
        write(&directory.join("vectors.jsonl"), points).map_err(failed)
    }

    /// The first of the points and questions.
    #[must_use]
    pub fn first(mut self, points: usize, questions: usize) -> Self {
        self.points.truncate(points);
        self.questions.truncate(questions);
        self
    }

    /// The points, each with an id of its own.
    pub fn points(&self) -> &[NewPoint] {
        &self.points
    }

    /// The vectors that are searched for.
    pub fn questions(&self) -> &[Vec<f32>] {
        &self.questions
    }

    /// The length of the vectors.
    pub fn dimension(&self) -> usize {
        self.questions.first().map_or(0, Vec::len)
    }

    /// What the filtered searches ask for: `category` is a and `price` under 500, one point in sixteen.
    pub fn filter() -> Result<Filter> {
        Ok(Filter::eq("category", "a")? & Filter::lt("price", 500)?)
    }

    fn check(&self) -> Result<()> {
        if self.points.is_empty() || self.questions.is_empty() {
            return Err(Error::invalid_input("there are no points, or nothing to search for"));
        }
        let lengths = self.points.iter().map(|point| point.vector.as_slice().len()).chain(self.questions.iter().map(Vec::len));
        if self.dimension() == 0 || lengths.into_iter().any(|length| length != self.dimension()) {
            return Err(Error::invalid_input("the vectors are not all of one length"));
        }
        let ids: HashSet<&str> = self.points.iter().filter_map(|point| point.id.as_deref()).collect();
        if ids.len() != self.points.len() {
            return Err(Error::invalid_input("a point has no id, or one that another has"));
        }
        Ok(())
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bad = |message: &str| Error::invalid_input(message).with("path", path.display());
    let file = File::open(path).map_err(|source| bad("cannot read the file").with_source(source))?;
    let mut all = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|source| bad("cannot read the file").with_source(source))?;
        // The parser's own message would quote the data.
        all.push(serde_json::from_str(&line).map_err(|_| bad("a line is not what belongs here").with("line", number + 1))?);
    }
    Ok(all)
}

fn write<T: Serialize>(path: &Path, lines: impl Iterator<Item = T>) -> std::io::Result<()> {
    // Under another name until it is whole: half a file would be measured as if it were all.
    let partial = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&partial)?);
    for line in lines {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    fs::rename(&partial, path)
}

fn word(random: &mut Random) -> String {
    let length = random.within(3..10);
    (0..length).map(|_| char::from(b'a' + u8::try_from(random.below(26)).unwrap_or_default())).collect()
}

/// A number of the normal distribution, by Box and Muller's method.
fn normal(random: &mut Random) -> f64 {
    // 53 bits each, above 0 and at most 1, so that the logarithm is finite.
    let mut uniform = || ((random.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
    radius * angle.cos()
}

/// Of length 1, each number with six digits, as they stand in files.
fn unit(numbers: Vec<f64>) -> Vec<f32> {
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    numbers.into_iter().map(|number| ((number / length * 1e6).round() / 1e6) as f32).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;

    #[test]
    fn the_same_data_every_time_with_one_point_in_sixteen_for_the_filter() {
        let shape = Shape { points: 4_000, dimension: 4, questions: 2 };
        let (once, again) = (DataSet::generate(shape), DataSet::generate(shape));
        assert_eq!(once.points(), again.points());
        assert_eq!(once.questions(), again.questions());
        let filter = DataSet::filter().unwrap();
        let matching = once.points().iter().filter(|point| filter.matches(&point.metadata)).count();
        assert!((200..300).contains(&matching), "{matching} of 4,000");
    }

    #[test]
    fn what_is_saved_is_loaded_as_it_was() {
        let data = DataSet::generate(Shape { points: 20, dimension: 3, questions: 2 });
        let directory = std::env::temp_dir().join(format!("bench-data-{}-{:?}", std::process::id(), std::thread::current().id()));
        assert!(!DataSet::is_in(&directory));
        data.save(&directory).unwrap();
        assert!(DataSet::is_in(&directory));
        let loaded = DataSet::load(&directory).unwrap();
        fs::write(directory.join("queries.jsonl"), "{\"vector\":[1,2]}\n").unwrap();
        let refused = DataSet::load(&directory).map(drop);
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!((loaded.points(), loaded.questions()), (data.points(), data.questions()));
        assert!(refused.unwrap_err().message().contains("length"));
    }
}

//! Regular expressions, compiled once and bounded.

use super::ast::Pattern;
use crate::error::{Error, Result};
use regex::RegexBuilder;

/// The most memory that a compiled expression may take, in bytes.
const COMPILED_SIZE: usize = 1 << 20;
/// The deepest nesting of groups and repetitions.
const NESTING: u32 = 100;
/// The flags, in the order in which [`Pattern::options`] gives them.
const FLAGS: &str = "imsx";

impl Pattern {
    /// Compiles an expression in the syntax of the [`regex`] crate, with flags out of `i` (any case), `m` (`^` and `$` at each
    /// line), `s` (a dot matches line breaks too) and `x` (blanks are ignored).
    ///
    /// Malformed, or larger than 1 MiB when compiled: [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// ```
    /// use mastra_core::filter::Pattern;
    ///
    /// let pattern = Pattern::new("^acme", "i")?;
    /// assert!(pattern.is_match("ACME Ltd"));
    /// assert!(Pattern::new("(", "").is_err());
    /// assert!(Pattern::new("a", "g").is_err());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn new(source: impl Into<String>, options: &str) -> Result<Self> {
        let source = source.into();
        if !options.chars().all(|flag| FLAGS.contains(flag)) {
            return Err(Error::invalid_input("the flags of a regular expression are i, m, s and x").with("operator", "$options"));
        }
        let regex = RegexBuilder::new(&source)
            .case_insensitive(options.contains('i'))
            .multi_line(options.contains('m'))
            .dot_matches_new_line(options.contains('s'))
            .ignore_whitespace(options.contains('x'))
            .size_limit(COMPILED_SIZE)
            .nest_limit(NESTING)
            .build()
            .map_err(|error| refuse(&error))?;
        let options = FLAGS.chars().filter(|flag| options.contains(*flag)).collect();
        Ok(Self { source, options, regex })
    }

    /// The expression as it was written.
    ///
    /// ```
    /// # use mastra_core::filter::Pattern;
    /// assert_eq!(Pattern::new("^a", "")?.source(), "^a");
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The flags, each once, in the order `imsx`.
    ///
    /// ```
    /// # use mastra_core::filter::Pattern;
    /// assert_eq!(Pattern::new("^a", "si")?.options(), "is");
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn options(&self) -> &str {
        &self.options
    }

    /// Whether the expression matches anywhere in the text.
    ///
    /// ```
    /// # use mastra_core::filter::Pattern;
    /// assert!(Pattern::new("b+", "")?.is_match("abbc"));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn refuse(error: &regex::Error) -> Error {
    match error {
        regex::Error::CompiledTooBig(limit) => {
            Error::invalid_input("the regular expression is too large when compiled").with("bytes_allowed", limit)
        }
        // The text shows the expression, which is an operand and stays out of errors; its last line is the parser's reason.
        error => {
            let text = error.to_string();
            let reason = text.lines().last().and_then(|line| line.strip_prefix("error: ")).unwrap_or("malformed");
            Error::invalid_input(format!("malformed regular expression: {reason}"))
        }
    }
}

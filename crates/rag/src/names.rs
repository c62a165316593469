//! Names that a user misspelt.

use mastra_core::Error;

/// The error for a name that is none of `known`: it lists them, the likeliest first.
pub(crate) fn unknown(what: &str, given: &str, known: &[&str]) -> Error {
    let lower = given.trim().to_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&lower, name);
    let mut sorted = known.to_vec();
    sorted.sort_by_key(distance);
    let near = sorted.first().filter(|name| distance(name) <= 2 || (!lower.is_empty() && name.starts_with(&lower)));
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    let given: String = given.chars().take(40).collect();
    Error::invalid_input(format!("unknown {what}; {hint}known are {}", sorted.join(", "))).with("given", given)
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn the_likeliest_name_is_proposed() {
        let known = ["recursive", "sentence", "markdown"];
        assert!(unknown("strategy", "Recursiv", &known).to_string().contains("did you mean recursive?"));
        assert!(unknown("strategy", "mark", &known).to_string().contains("did you mean markdown?"));
        let far = unknown("strategy", "qqqqqqqqqqqq", &known).to_string();
        assert!(!far.contains("did you mean"));
        assert!(known.iter().all(|name| far.contains(name)));
        assert!(!unknown("strategy", "", &known).to_string().contains("did you mean"));
    }
}

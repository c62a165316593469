//! Keys of `mastra.toml` that are not known, and the name that was meant.

/// The known name that is likeliest meant by one that is not.
pub(crate) fn nearest(given: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let lower = given.to_lowercase();
    let near = known.into_iter().map(|name| (strsim::damerau_levenshtein(&lower, &name), name)).min()?;
    let close = near.0 <= 1 + lower.chars().count() / 4;
    (close || (!lower.is_empty() && (near.1.starts_with(&lower) || lower.starts_with(&near.1)))).then_some(near.1)
}

/// What the parser says of a key that is not known, in words that help.
pub(super) fn told(message: &str) -> String {
    let Some((given, known)) = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) else {
        return message.to_owned();
    };
    let known: Vec<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    // `bearer` for `bearer_env`: a secret has a variable of its own.
    let variable = format!("{given}_env");
    if known.contains(&variable) {
        return format!("a key never stands in this file: {variable} names the variable that holds it");
    }
    let meant = nearest(given, known.iter().cloned()).map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    format!("there is no key {given} here; {meant}known are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant() {
        let known = || ["entity", "fields", "filter_fields"].map(str::to_owned);
        assert_eq!(nearest("entitty", known()).as_deref(), Some("entity"));
        assert_eq!(nearest("Field", known()).as_deref(), Some("fields"));
        assert_eq!(nearest("zzz", known()), None);
        assert_eq!(
            told("unknown field `entit`, expected `entity` or `name`"),
            "there is no key entit here; did you mean entity? known are entity, name"
        );
        assert!(told("unknown field `api_key`, expected one of `model`, `api_key_env`").contains("never stands in this file"));
        assert_eq!(told("missing field `name`"), "missing field `name`");
    }
}

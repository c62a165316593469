//! Compose files: each parses, and each service of it names where it comes from.

use mastra_core::{Error, Result};
use yaml_rust2::{Yaml, YamlLoader};

use crate::process::{Workspace, file_error};
use crate::tidy::tracked_files;

/// Checks every compose file of the repository.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let mut count = 0;
    for file in tracked_files(workspace)? {
        if !is_compose_file(&file.file_name().unwrap_or_default().to_string_lossy()) {
            continue;
        }
        let path = workspace.join(&file);
        let text = std::fs::read_to_string(&path).map_err(|source| file_error("cannot read", &path, source))?;
        check(&text).map_err(|problem| Error::invalid_input(problem).with("file", file.display()))?;
        count += 1;
    }
    println!("{count} compose files parse");
    Ok(())
}

fn is_compose_file(name: &str) -> bool {
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    is_yaml && (name.starts_with("compose.") || name.starts_with("docker-compose") || name.contains("compose."))
}

/// What is wrong with a compose file.
fn check(text: &str) -> Result<(), String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    let [document] = documents.as_slice() else {
        return Err("not one YAML document".into());
    };
    let services = document["services"].as_hash().ok_or("no `services`")?;
    for (name, service) in services {
        let name = name.as_str().ok_or("a service's name is not a string")?;
        let named = |key: &str| !matches!(service[key], Yaml::BadValue | Yaml::Null);
        if !named("image") && !named("build") {
            return Err(format!("the service {name} names neither `image` nor `build`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn our_own_file_and_broken_ones() {
        assert_eq!(check(include_str!("../services/compose.yaml")), Ok(()));
        for broken in ["a: [", "a: 1", "services: {x: {ports: []}}", "services: {x: {image: null}}"] {
            assert!(check(broken).is_err(), "{broken}");
        }
    }
}

//! The records of each parent, gathered from pages that know nothing of parents.

use super::{draft::Ready, hash};
use crate::source::Scope;
use mastra_core::{Error, Result, number::values_equal};
use serde_json::Value;
use std::collections::HashSet;

/// The most records of one parent, which are held in memory and written in one transaction.
const MAX_GROUP: usize = 100_000;

/// Gathers the records of each parent. A parent is complete when a record of another one comes, or the source ends.
#[derive(Debug)]
pub(super) struct Groups {
    field: String,
    open: Option<Group>,
    /// Hashes of the parents that were complete: one that comes again would replace its own first part.
    done: HashSet<String>,
    /// Something that tells no parent came last: it may belong to the next one.
    loose: bool,
}

/// All records of one parent.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The parent; `None` for what came before the first one.
    pub(super) scope: Option<Scope>,
    pub(super) items: Vec<Ready>,
    /// Where to go on once it is stored, where it ended with a page.
    pub(super) cursor: Option<String>,
    pub(super) bytes: u64,
    /// Something that may have been its own could not be read: what it does not have may be there all the same.
    pub(super) doubtful: bool,
}

impl Groups {
    pub(super) fn new(field: String) -> Self {
        Self { field, open: None, done: HashSet::new(), loose: false }
    }

    /// Takes an item; returns the group that was complete before it.
    pub(super) fn push(&mut self, item: Ready) -> Result<Option<Group>> {
        let Ready::Record(incoming) = &item else {
            let group = self.open.get_or_insert_with(Group::default);
            group.items.push(item);
            group.doubtful = true;
            group.cursor = None;
            self.loose = true;
            return Ok(None);
        };
        let parent = incoming.data.get(&self.field).cloned().unwrap_or(Value::Null);
        let same = |group: &Group| group.scope.as_ref().is_some_and(|scope| values_equal(&scope.value, &parent));
        if let Some(group) = self.open.as_mut().filter(|group| same(group)) {
            if group.items.len() >= MAX_GROUP {
                return Err(self.refused(format!("a parent has more than {MAX_GROUP} records")));
            }
            // The page it may have ended with was not its end.
            group.cursor = None;
            group.items.push(item);
            self.loose = false;
            return Ok(None);
        }
        if !parent.is_string() && !parent.is_number() && !parent.is_boolean() {
            return Err(self.refused("the field that tells the parent has to hold a string, a number or a boolean".to_owned()));
        }
        let complete = self.finish();
        if self.done.contains(&hash::of(&parent)) {
            let message = "the records of a parent do not come one after the other; sort the source by the field";
            return Err(self.refused(message.to_owned()));
        }
        let scope = Some(Scope::new(self.field.as_str(), parent));
        let doubtful = std::mem::take(&mut self.loose);
        self.open = Some(Group { scope, items: vec![item], doubtful, ..Group::default() });
        Ok(complete)
    }

    /// A page ended here.
    pub(super) fn page_ended(&mut self, cursor: Option<String>, bytes: u64) {
        let group = self.open.get_or_insert_with(Group::default);
        group.cursor = cursor;
        group.bytes += bytes;
    }

    /// The group that is open, as complete.
    pub(super) fn finish(&mut self) -> Option<Group> {
        let group = self.open.take()?;
        self.done.extend(group.scope.as_ref().map(|scope| hash::of(&scope.value)));
        Some(group)
    }

    fn refused(&self, message: String) -> Error {
        Error::invalid_input(message).with("field", &self.field)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::decide::Incoming, *};
    use serde_json::json;

    fn of(parent: Value) -> Ready {
        let data = json!({ "of": parent }).as_object().cloned().unwrap();
        Ready::Record(Incoming { external_id: "1".into(), data, entity_type: None, version: None, content: String::new() })
    }

    #[test]
    fn a_parent_is_complete_when_another_comes_and_a_page_within_it_is_no_place_to_go_on() {
        let mut groups = Groups::new("of".into());
        assert!(groups.push(of(json!("a"))).unwrap().is_none());
        groups.page_ended(Some("p1".into()), 10);
        assert!(groups.push(of(json!("a"))).unwrap().is_none());
        let first = groups.push(of(json!("b"))).unwrap().unwrap();
        assert_eq!((first.items.len(), first.cursor, first.doubtful), (2, None, false));
        groups.page_ended(Some("p2".into()), 5);
        let second = groups.push(of(json!(3))).unwrap().unwrap();
        assert_eq!((second.items.len(), second.cursor.as_deref(), second.bytes), (1, Some("p2"), 5));
        assert!(groups.push(of(json!("a"))).unwrap_err().to_string().contains("sort the source"));
    }

    #[test]
    fn what_tells_no_parent_makes_both_beside_it_doubtful() {
        let mut groups = Groups::new("of".into());
        groups.push(of(json!("a"))).unwrap();
        assert!(groups.push(Ready::Unchanged("x".into())).unwrap().is_none());
        let first = groups.push(of(json!("b"))).unwrap().unwrap();
        assert!(first.doubtful && first.items.len() == 2);
        let second = groups.push(of(json!("c"))).unwrap().unwrap();
        assert!(second.doubtful);
        assert!(!groups.finish().unwrap().doubtful);
    }

    #[test]
    fn a_parent_is_a_scalar() {
        for parent in [json!(null), json!({}), json!([1])] {
            assert!(Groups::new("of".into()).push(of(parent)).is_err());
        }
    }
}

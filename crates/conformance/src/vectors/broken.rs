//! Stores that are broken in one thing, to see that the suite notices.

use crate::differential::{Operator, mistake};
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, ErrorKind, Filter, Page, Result,
    vector::{
        Exactness, Include, IndexDescription, IndexKind, IndexSpec, MetadataChange, Metric, NamespaceInfo, NewPoint, Point,
        PointCountQuery, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, Shortfall,
        VectorAnswer, VectorCapabilities, VectorOperations, VectorQuery, VectorSearch, VectorStore, Weights,
    },
};
use serde_json::{Map, Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};

macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a hasty store does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mistake {
            /// Nothing.
            None,
            /// Translates one operator as a hasty compiler would.
            Operator(Operator),
            $($(#[$doc])* $name,)*
        }

        impl Mistake {
            /// Every one of them, each operator included.
            pub fn all() -> Vec<Self> {
                [$(Self::$name),*].into_iter().chain(Operator::ALL.map(Self::Operator)).collect()
            }
        }
    };
}

mistakes! {
    /// Searches without the filter.
    IgnoresFilter,
    /// Takes the best of all points, and then those of them that match.
    FiltersTooLate,
    /// Puts the higher id first among equals.
    TiesByIdDescending,
    /// Gives hits below the bound.
    IgnoresMinScore,
    /// Takes the bound for exclusive.
    ExclusiveMinScore,
    /// Gives the distance for the score.
    DistanceForScore,
    /// Gives cosine scores beyond 1.
    LeavesScoresUnclamped,
    /// Tells no distance.
    HidesDistances,
    /// Gives one hit more than asked for.
    OneHitTooMany,
    /// Loses a hit and calls the answer exact.
    LosesTheSecondHit,
    /// Never says that an answer is short.
    NeverShort,
    /// Finds three of four in an index that chooses candidates.
    MissesNeighbours,
    /// Loses what a filter leaves in an index that chooses candidates, and says that there is no more.
    GivesUpInSilence,
    /// Calls the candidates of an index exact.
    CallsGuessesExact,
    /// Reads everything, whatever is asked for.
    IncludesEverything,
    /// Answers a batch of queries in another order.
    ReversesBatches,
    /// Searches the default namespace, whichever is asked for.
    SearchesTheDefaultNamespace,
    /// Counts the points of the default namespace.
    CountsTheDefaultNamespace,
    /// Changes by a filter what matches in any namespace.
    UpdatesEveryNamespace,
    /// Deletes by ids in every namespace.
    DeletesInEveryNamespace,
    /// Empties the index where a namespace is to be emptied.
    EmptiesTheIndex,
    /// Swaps what matches in every namespace.
    SwapsInEveryNamespace,
    /// Knows namespaces by their letters in lower case.
    FoldsNamespaces,
    /// Loses metadata when a vector changes.
    VectorUpdateDropsMetadata,
    /// Loses the text when metadata changes.
    MetadataUpdateDropsText,
    /// Replaces metadata where it has to merge.
    MergeReplaces,
    /// Merges metadata where an upsert has to replace it.
    UpsertMerges,
    /// Keeps the text of a point that is written again without one.
    UpsertKeepsText,
    /// Changes nothing, and says that it did.
    UpdatesNothing,
    /// Writes beside what it has to replace.
    KeepsReplaced,
    /// Removes what matches after writing, the new points with it.
    ReplacesItsOwn,
    /// Removes, and then writes.
    SwapsInTwoSteps,
    /// Takes an empty filter for all points.
    EmptyFilterDeletesAll,
    /// Takes an id twice in one batch.
    TakesRepeatedIds,
    /// Knows ids by their letters in lower case.
    FoldsIds,
    /// Forgets texts.
    ForgetsText,
    /// Finds words without the filter.
    WordsIgnoreFilter,
    /// Fuses with weights of its own.
    IgnoresWeights,
    /// Fuses the lists of the best `top_k` alone.
    FusesShortLists,
    /// Loses a point at the beginning of every page but the first.
    WalkSkips,
    /// Gives pages out of order.
    WalkOutOfOrder,
    /// Begins anew with a cursor that it does not know.
    WalkStartsOver,
    /// Walks without the filter.
    WalkWithoutFilter,
    /// Counts all points.
    CountsEverything,
    /// Counts beyond the cap.
    IgnoresCap,
    /// Gives points in the order of their ids.
    ReadsInOrderOfIds,
    /// Gives the numbers of metadata as floats.
    RoundsNumbers,
    /// Gives vectors of length 1.
    NormalisesVectors,
    /// Makes an index over one that is there.
    MakesIndexesAgain,
    /// Drops an index that is not there.
    DropsWhatIsNotThere,
    /// Makes the index that it is to write to.
    MakesIndexesOnWrite,
    /// Empties the default namespace where an index is to be emptied.
    TruncatesOneNamespace,
    /// Lists indexes out of order.
    ListsOutOfOrder,
    /// Lists namespaces that hold nothing.
    ListsEmptyNamespaces,
    /// Takes vectors of any model.
    TakesAnyModel,
    /// Forgets what made the vectors.
    ForgetsProvenance,
    /// Takes a zero vector under cosine for another.
    TakesZeroVectors,
    /// Cuts a vector that is too long.
    CutsVectors,
    /// Takes `top_k` 0 for 1.
    TakesTopKOfZero,
}

/// A store that does one thing wrong, or claims what it should not.
#[derive(Debug)]
pub struct BrokenVectors<S> {
    inner: S,
    mistake: Mistake,
    claims: VectorCapabilities,
}

impl<S: VectorStore> BrokenVectors<S> {
    /// The store, wrong in this.
    pub fn new(inner: S, mistake: Mistake) -> Self {
        let claims = *inner.capabilities();
        Self { inner, mistake, claims }
    }

    /// The store with other claims than it has.
    pub const fn claiming(inner: S, claims: VectorCapabilities) -> Self {
        Self { inner, mistake: Mistake::None, claims }
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn filter(&self, filter: &Filter) -> Filter {
        match self.mistake {
            Mistake::Operator(operator) => mistake(operator, filter),
            _ => filter.clone(),
        }
    }

    fn selector(&self, selector: &PointSelector) -> PointSelector {
        match selector {
            PointSelector::Filter(filter) => PointSelector::Filter(self.filter(filter)),
            PointSelector::Ids(ids) => PointSelector::Ids(ids.iter().map(|id| self.id(id)).collect()),
            other => other.clone(),
        }
    }

    fn id(&self, id: &str) -> String {
        if self.is(Mistake::FoldsIds) { id.to_lowercase() } else { id.to_owned() }
    }

    fn scope(&self, scope: &Scope) -> Scope {
        if !self.is(Mistake::FoldsNamespaces) {
            return scope.clone();
        }
        Scope::index(&scope.index).in_namespace(scope.namespace.to_lowercase())
    }

    async fn everywhere(&self, scope: &Scope) -> Result<Vec<Scope>> {
        let names = self.inner.list_namespaces(&scope.index).await?;
        Ok(names.into_iter().map(|info| Scope::index(&scope.index).in_namespace(info.name)).collect())
    }

    /// The vector as a store that is too kind takes it.
    async fn kindly(&self, scope: &Scope, numbers: &[f32]) -> Result<Vec<f32>> {
        let mut numbers = numbers.to_vec();
        if self.is(Mistake::CutsVectors) {
            numbers.truncate(self.inner.get_index(&scope.index).await?.dimension);
        }
        if self.is(Mistake::TakesZeroVectors) && numbers.iter().all(|number| *number == 0.0) {
            numbers.first_mut().into_iter().for_each(|first| *first = 1.0);
        }
        Ok(numbers)
    }

    fn shown(&self, mut point: Point) -> Point {
        if self.is(Mistake::RoundsNumbers) {
            point.metadata = point.metadata.map(rounded);
        }
        if self.is(Mistake::NormalisesVectors) {
            point.vector = point.vector.map(|vector| {
                let length = vector.as_slice().iter().map(|number| number * number).sum::<f32>().sqrt();
                vector.as_slice().iter().map(|number| number / length).collect::<Vec<_>>().into()
            });
        }
        point
    }

    async fn search(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let mut scope = self.scope(scope);
        let mut query = query.clone().filter(self.filter(&query.filter));
        let (top_k, filter, words) = (query.top_k, query.filter.clone(), query.search.vector().is_none());
        let hybrid = query.search.vector().is_some() && query.search.text().is_some();
        match self.mistake {
            Mistake::IgnoresFilter if !words => query.filter = Filter::all(),
            Mistake::WordsIgnoreFilter if words => query.filter = Filter::all(),
            Mistake::FiltersTooLate if query.include.metadata => query.filter = Filter::all(),
            Mistake::IgnoresMinScore => query.min_score = None,
            Mistake::OneHitTooMany => query.top_k = query.top_k.saturating_add(1),
            Mistake::TakesTopKOfZero => query.top_k = query.top_k.max(1),
            Mistake::IncludesEverything => query.include = Include::ALL,
            Mistake::SearchesTheDefaultNamespace => scope = Scope::index(scope.index),
            Mistake::TakesAnyModel => query.model = None,
            Mistake::TakesZeroVectors | Mistake::CutsVectors => {
                if let VectorSearch::Vector(vector) = &query.search {
                    query.search = VectorSearch::Vector(self.kindly(&scope, vector.as_slice()).await?.into());
                }
            }
            Mistake::IgnoresWeights => {
                if let VectorSearch::Hybrid { weights, .. } = &mut query.search {
                    let sound = weights.vector.is_finite() && weights.text.is_finite() && weights.vector.min(weights.text) >= 0.0;
                    if sound && weights.vector + weights.text > 0.0 {
                        *weights = Weights::default();
                    }
                }
            }
            _ => {}
        }
        let mut answer = if self.is(Mistake::FusesShortLists) && hybrid {
            self.fused_short(&scope, &query).await?
        } else {
            self.inner.query(&scope, &query).await?
        };
        let guesses = matches!(self.mistake, Mistake::MissesNeighbours | Mistake::GivesUpInSilence | Mistake::CallsGuessesExact)
            && !words
            && !query.exact
            && self.inner.get_index(&scope.index).await?.kind != IndexKind::Flat;
        let hits = &mut answer.hits;
        if guesses && (!self.is(Mistake::GivesUpInSilence) || !filter.is_trivially_true()) {
            let one_in_four = hits.iter().map(|hit| hit.id.clone()).skip(1).step_by(4).collect::<HashSet<_>>();
            hits.retain(|hit| !one_in_four.contains(&hit.id));
            answer.exactness = if self.is(Mistake::CallsGuessesExact) { Exactness::Exact } else { Exactness::Approximate };
            let why = if self.is(Mistake::MissesNeighbours) { Shortfall::IndexGaveUp } else { Shortfall::NoMoreRows };
            answer.shortfall = (hits.len() < top_k).then_some(why);
        }
        match self.mistake {
            Mistake::FiltersTooLate if query.include.metadata => {
                hits.retain(|hit| hit.metadata.as_ref().is_some_and(|metadata| filter.matches(metadata)));
                answer.shortfall = (hits.len() < top_k).then_some(Shortfall::NoMoreRows);
            }
            Mistake::TiesByIdDescending => {
                hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| b.id.cmp(&a.id)));
            }
            Mistake::ExclusiveMinScore => {
                if let Some(least) = query.min_score.filter(|_| !hybrid) {
                    hits.retain(|hit| hit.score > least);
                    answer.shortfall = (hits.len() < top_k).then_some(Shortfall::NoMoreRows);
                }
            }
            Mistake::DistanceForScore => hits.iter_mut().for_each(|hit| hit.score = hit.distance.unwrap_or(hit.score)),
            Mistake::LeavesScoresUnclamped => {
                let cosine = self.inner.get_index(&scope.index).await?.metric == Metric::Cosine;
                // As 32 bits round it.
                hits.iter_mut().filter(|hit| cosine && hit.score > 0.999_999).for_each(|hit| hit.score = 1.000_000_1);
            }
            Mistake::HidesDistances => hits.iter_mut().for_each(|hit| hit.distance = None),
            Mistake::LosesTheSecondHit if hits.len() > 2 => drop(hits.remove(1)),
            Mistake::NeverShort => answer.shortfall = None,
            _ => {}
        }
        for hit in &mut answer.hits {
            let mut point = Point::new(&hit.id);
            (point.metadata, point.vector) = (hit.metadata.take(), hit.vector.take());
            let shown = self.shown(point);
            (hit.metadata, hit.vector) = (shown.metadata, shown.vector);
        }
        Ok(answer)
    }

    /// Fuses no more of each list than is asked for in the end.
    async fn fused_short(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let VectorSearch::Hybrid { vector, text, weights } = &query.search else { return self.inner.query(scope, query).await };
        // What is malformed is refused as ever.
        let mut answer = self.inner.query(scope, query).await?;
        let mut dense = query.clone();
        dense.search = VectorSearch::Vector(vector.clone());
        let mut words = query.clone();
        (words.search, words.min_score) = (VectorSearch::Text(text.clone()), None);
        let placed = |answer: VectorAnswer| -> Vec<_> {
            answer.hits.into_iter().map(|hit| mastra_core::vector::Placed::new(hit.id, hit.score, hit.distance)).collect()
        };
        let dense = placed(self.inner.query(scope, &dense).await?);
        let words = placed(self.inner.query(scope, &words).await?);
        let fused = mastra_core::vector::fuse(&dense, &words, *weights, query.top_k);
        answer.hits.retain(|hit| fused.iter().any(|placed| placed.id == hit.id));
        for hit in &mut answer.hits {
            hit.score = fused.iter().find(|placed| placed.id == hit.id).map_or(hit.score, |placed| placed.score);
        }
        Ok(answer)
    }
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), |float| json!(float)),
        Value::Array(members) => Value::Array(members.into_iter().map(rounded).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, rounded(value))).collect::<Map<_, _>>()),
        other => other,
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: VectorStore> VectorOperations for BrokenVectors<S> {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.claims
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        let spec = self.inner.get_index(index).await?;
        if self.is(Mistake::ForgetsProvenance) {
            let mut spec = IndexSpec::clone(&spec);
            spec.provenance = None;
            return Ok(Arc::new(spec));
        }
        Ok(spec)
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        let scope = &self.scope(scope);
        let mut points = points.to_vec();
        let mut options = options.clone();
        options.replace_where = options.replace_where.map(|filter| self.filter(&filter));
        for point in &mut points {
            point.id = point.id.take().map(|id| self.id(&id));
        }
        match self.mistake {
            Mistake::ForgetsText => points.iter_mut().for_each(|point| point.text = None),
            Mistake::TakesAnyModel => options.model = None,
            Mistake::KeepsReplaced => options.replace_where = None,
            Mistake::TakesRepeatedIds => {
                let mut seen = HashSet::new();
                points.retain(|point| point.id.as_ref().is_none_or(|id| seen.insert(id.clone())));
            }
            Mistake::UpsertMerges | Mistake::UpsertKeepsText => {
                for point in &mut points {
                    let Some(id) = point.id.clone().filter(|id| !id.trim().is_empty() && !id.contains('\0') && id.len() <= 1_024)
                    else {
                        continue;
                    };
                    let Some(old) = self.inner.get(scope, &[id], Include::ALL).await?.pop() else { continue };
                    if self.is(Mistake::UpsertKeepsText) {
                        point.text = point.text.take().or(old.text);
                    } else if let Some(old) = old.metadata {
                        point.metadata = MetadataChange::Merge(point.metadata.clone()).apply(&old);
                    }
                }
            }
            Mistake::TakesZeroVectors | Mistake::CutsVectors => {
                for point in &mut points {
                    point.vector = self.kindly(scope, point.vector.as_slice()).await?.into();
                }
            }
            Mistake::MakesIndexesOnWrite => {
                let absent = self.inner.get_index(&scope.index).await.is_err_and(|error| error.kind() == ErrorKind::NotFound);
                if absent && let Some(point) = points.first() {
                    self.inner.create_index(&IndexSpec::new(&scope.index, point.vector.as_slice().len())).await?;
                }
            }
            Mistake::ReplacesItsOwn => {
                if let Some(filter) = options.replace_where.take() {
                    let report = self.inner.upsert(scope, &points, &options).await?;
                    self.inner.delete(scope, &PointSelector::Filter(filter)).await?;
                    return Ok(PointUpsertReport::new(report.ids, None));
                }
            }
            Mistake::SwapsInTwoSteps => {
                if let Some(filter) = options.replace_where.take() {
                    self.inner.delete(scope, &PointSelector::Filter(filter)).await?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    let report = self.inner.upsert(scope, &points, &options).await?;
                    return Ok(PointUpsertReport::new(report.ids, None));
                }
            }
            Mistake::SwapsInEveryNamespace => {
                if let Some(filter) = &options.replace_where {
                    for other in self.everywhere(scope).await?.into_iter().filter(|other| other != scope) {
                        self.inner.delete(&other, &PointSelector::Filter(filter.clone())).await?;
                    }
                }
            }
            _ => {}
        }
        self.inner.upsert(scope, &points, &options).await
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        let include = if self.is(Mistake::IncludesEverything) { Include::ALL } else { include };
        let ids: Vec<String> = ids.iter().map(|id| self.id(id)).collect();
        let mut points = self.inner.get(&self.scope(scope), &ids, include).await?;
        if self.is(Mistake::ReadsInOrderOfIds) {
            points.sort_by(|a, b| a.id.cmp(&b.id));
        }
        Ok(points.into_iter().map(|point| self.shown(point)).collect())
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let (scope, selector) = (&self.scope(scope), &self.selector(selector));
        let mut update = update.clone();
        match self.mistake {
            Mistake::VectorUpdateDropsMetadata if update.vector.is_some() && update.metadata.is_none() => {
                update.metadata = Some(MetadataChange::Replace(json!({})));
            }
            Mistake::MetadataUpdateDropsText if update.metadata.is_some() && update.text.is_none() => update.text = Some(None),
            Mistake::MergeReplaces => {
                if let Some(MetadataChange::Merge(new)) = update.metadata {
                    update.metadata = Some(MetadataChange::Replace(new));
                }
            }
            Mistake::ForgetsText => update.text = None,
            Mistake::TakesAnyModel => update.model = None,
            Mistake::UpdatesNothing => {
                let mut nothing = PointUpdate::new();
                nothing.model.clone_from(&update.model);
                return self.inner.update(scope, selector, &nothing).await;
            }
            Mistake::UpdatesEveryNamespace if matches!(selector, PointSelector::Filter(_)) => {
                for other in self.everywhere(scope).await?.into_iter().filter(|other| other != scope) {
                    self.inner.update(&other, selector, &update).await?;
                }
            }
            _ => {}
        }
        self.inner.update(scope, selector, &update).await
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let (scope, selector) = (&self.scope(scope), &self.selector(selector));
        match selector {
            PointSelector::Filter(filter) if self.is(Mistake::EmptyFilterDeletesAll) && filter.is_trivially_true() => {
                return self.inner.delete_all(scope).await;
            }
            PointSelector::Ids(_) if self.is(Mistake::DeletesInEveryNamespace) => {
                for other in self.everywhere(scope).await?.into_iter().filter(|other| other != scope) {
                    self.inner.delete(&other, selector).await?;
                }
            }
            _ => {}
        }
        self.inner.delete(scope, selector).await
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        let scope = &self.scope(scope);
        let deleted = self.inner.delete_all(scope).await?;
        if self.is(Mistake::EmptiesTheIndex) {
            self.inner.truncate_index(&scope.index).await?;
        }
        Ok(deleted)
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        self.search(scope, query).await
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        let mut answers = Vec::new();
        for query in queries {
            answers.push(self.search(scope, query).await?);
        }
        if self.is(Mistake::ReversesBatches) {
            answers.reverse();
        }
        Ok(answers)
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let scope = &self.scope(scope);
        let mut query = query.clone();
        if let Mistake::Operator(_) = self.mistake
            && query.cursor.is_none()
        {
            query.filter = self.filter(&query.filter);
        }
        if self.is(Mistake::WalkWithoutFilter) {
            query.filter = Filter::all();
        }
        let mut page = match self.inner.scroll(scope, &query).await {
            Err(error)
                if self.is(Mistake::WalkStartsOver) && query.cursor.is_some() && error.kind() == ErrorKind::InvalidInput =>
            {
                query.cursor = None;
                self.inner.scroll(scope, &query).await?
            }
            page => page?,
        };
        if self.is(Mistake::WalkSkips) && query.cursor.is_some() && !page.items.is_empty() {
            page.items.remove(0);
        }
        if self.is(Mistake::WalkOutOfOrder) {
            page.items.reverse();
        }
        Ok(page)
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        let mut query = query.clone().filter(self.filter(&query.filter));
        let mut scope = self.scope(scope);
        match self.mistake {
            Mistake::CountsEverything => query.filter = Filter::all(),
            Mistake::IgnoresCap => query.cap = None,
            Mistake::CountsTheDefaultNamespace => scope = Scope::index(scope.index),
            _ => {}
        }
        self.inner.count(&scope, &query).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: VectorStore> VectorStore for BrokenVectors<S> {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        match self.inner.create_index(spec).await {
            Err(error) if self.is(Mistake::MakesIndexesAgain) && error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        let mut specs = self.inner.list_indexes().await?;
        if self.is(Mistake::ListsOutOfOrder) {
            specs.reverse();
        }
        Ok(specs)
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        self.inner.describe_index(index).await
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        match self.inner.delete_index(index).await {
            Err(error) if self.is(Mistake::DropsWhatIsNotThere) && error.kind() == ErrorKind::NotFound => Ok(()),
            dropped => dropped,
        }
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        if self.is(Mistake::TruncatesOneNamespace) {
            return self.inner.delete_all(&Scope::index(index)).await.map(drop);
        }
        self.inner.truncate_index(index).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        let mut names = self.inner.list_namespaces(index).await?;
        if self.is(Mistake::ListsEmptyNamespaces) && names.iter().all(|info| !info.name.is_empty()) {
            names.insert(0, NamespaceInfo { name: String::new(), count: 0 });
        }
        Ok(names)
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        let scope = self.scope(&Scope::index(index).in_namespace(namespace));
        self.inner.delete_namespace(index, &scope.namespace).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

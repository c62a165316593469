//! Calls on points.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::points_server::Points;
use tonic::{Request, Response, Status};

use super::updates::{Target, Update};
use super::{Service, check_name, check_timeout, not_imitated};
use crate::qdrant::collection::{Checked, Query, Scroll, WithPayload, WithVectors, check_index};
use crate::qdrant::filter::Filter;
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::validation;

type Answer<T> = Result<Response<T>, Status>;

/// The handler of one kind of update: read, check the target, apply, answer.
macro_rules! update {
    ($self:ident, $request:ident, $update:expr) => {{
        let $request = $request.into_inner();
        let target = Target { collection: $request.collection_name.clone(), wait: $request.wait, timeout: $request.timeout };
        target.check()?;
        let result = $self.update(&target, $update?)?;
        Ok(Response::new(wire::PointsOperationResponse { result: Some(result), time: 0.0, usage: None }))
    }};
}

#[tonic::async_trait]
impl Points for Service {
    async fn upsert(&self, request: Request<wire::UpsertPoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::upsert(request.points, request.update_filter, request.update_mode))
    }

    async fn delete(&self, request: Request<wire::DeletePoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::delete(request.points))
    }

    async fn update_vectors(&self, request: Request<wire::UpdatePointVectors>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::vectors(request.points, request.update_filter))
    }

    async fn set_payload(&self, request: Request<wire::SetPayloadPoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::set_payload(request.points_selector, request.payload, request.key.as_deref()))
    }

    async fn overwrite_payload(&self, request: Request<wire::SetPayloadPoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::overwrite_payload(request.points_selector, request.payload))
    }

    async fn delete_payload(&self, request: Request<wire::DeletePayloadPoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::delete_payload(request.points_selector, &request.keys))
    }

    async fn clear_payload(&self, request: Request<wire::ClearPayloadPoints>) -> Answer<wire::PointsOperationResponse> {
        update!(self, request, Update::clear_payload(request.points))
    }

    async fn update_batch(&self, request: Request<wire::UpdateBatchPoints>) -> Answer<wire::UpdateBatchResponse> {
        let wire::UpdateBatchPoints { collection_name, wait, operations, timeout, .. } = request.into_inner();
        let target = Target { collection: collection_name, wait, timeout };
        target.check()?;
        if operations.is_empty() {
            return Err(validation("operations", "must not be empty"));
        }
        // One after the other: where one fails, those before it have been applied.
        let result = operations.into_iter().map(|operation| self.update(&target, Update::of_batch(operation)?));
        let result = result.collect::<Result<Vec<_>, _>>()?;
        Ok(Response::new(wire::UpdateBatchResponse { result, time: 0.0, usage: None }))
    }

    async fn create_field_index(
        &self,
        request: Request<wire::CreateFieldIndexCollection>,
    ) -> Answer<wire::PointsOperationResponse> {
        let request = request.into_inner();
        let (name, wait) = (request.collection_name.clone(), request.wait);
        check_name(&name)?;
        check_index(&request)?;
        self.with(&name, |collection| {
            collection.create_index(request)?;
            Ok(Response::new(changed(wait, collection.operation())))
        })
    }

    async fn delete_field_index(
        &self,
        request: Request<wire::DeleteFieldIndexCollection>,
    ) -> Answer<wire::PointsOperationResponse> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        if request.field_name.is_empty() {
            return Err(validation("field_name", "must not be empty"));
        }
        let key = Path::parse(&request.field_name)?;
        self.with(&request.collection_name, |collection| {
            collection.delete_index(&key);
            Ok(Response::new(changed(request.wait, collection.operation())))
        })
    }

    async fn get(&self, request: Request<wire::GetPoints>) -> Answer<wire::GetResponse> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        let ids = request.ids.into_iter().map(Id::from_wire).collect::<Result<Vec<_>, _>>()?;
        let payload = WithPayload::read(request.with_payload, WithPayload::Nothing)?;
        let vectors = WithVectors::read(request.with_vectors);
        self.with(&request.collection_name, |collection| {
            collection.check(Checked { timeout: request.timeout, ..Checked::default() })?;
            let found = collection.get(&ids);
            let result = found.into_iter().map(|(id, point)| point.retrieved(id, &payload, &vectors)).collect();
            Ok(Response::new(wire::GetResponse { result, time: 0.0, usage: None }))
        })
    }

    async fn scroll(&self, request: Request<wire::ScrollPoints>) -> Answer<wire::ScrollResponse> {
        let request = request.into_inner();
        let (name, timeout) = (request.collection_name.clone(), request.timeout);
        // Strict mode looks at a limit that was sent, and not at the one that is used otherwise.
        let limit = request.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        check_name(&name)?;
        check_timeout(timeout)?;
        let scroll = Scroll::read(request)?;
        self.with(&name, |collection| {
            collection.check(Checked { timeout, limit, read: scroll.filter.as_ref(), ..Checked::default() })?;
            let (result, next) = collection.scroll(&scroll)?;
            let next_page_offset = next.map(Id::into_wire);
            Ok(Response::new(wire::ScrollResponse { next_page_offset, result, time: 0.0, usage: None }))
        })
    }

    async fn count(&self, request: Request<wire::CountPoints>) -> Answer<wire::CountResponse> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        let filter = Filter::read_option(request.filter)?;
        // Exact unless said otherwise, and exact here always.
        let exact = request.exact.unwrap_or(true);
        self.with(&request.collection_name, |collection| {
            let read = filter.as_ref();
            collection.check(Checked { timeout: request.timeout, read, exact, ..Checked::default() })?;
            let result = Some(wire::CountResult { count: collection.count(read) });
            Ok(Response::new(wire::CountResponse { result, time: 0.0, usage: None }))
        })
    }

    async fn query(&self, request: Request<wire::QueryPoints>) -> Answer<wire::QueryResponse> {
        let request = request.into_inner();
        let name = request.collection_name.clone();
        check_name(&name)?;
        let query = Query::read(request)?;
        self.with(&name, |collection| {
            collection.check_queries(std::slice::from_ref(&query), None, None)?;
            let result = collection.query(&query)?;
            Ok(Response::new(wire::QueryResponse { result, time: 0.0, usage: None }))
        })
    }

    async fn query_batch(&self, request: Request<wire::QueryBatchPoints>) -> Answer<wire::QueryBatchResponse> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        let mut queries = Vec::with_capacity(request.query_points.len());
        for query in request.query_points {
            check_name(&query.collection_name)?;
            queries.push(Query::read(query)?);
        }
        self.with(&request.collection_name, |collection| {
            collection.check_queries(&queries, Some(queries.len()), request.timeout)?;
            let answer = |query: &Query| Ok(wire::BatchResult { result: collection.query(query)? });
            let result = queries.iter().map(answer).collect::<Result<Vec<_>, Status>>()?;
            Ok(Response::new(wire::QueryBatchResponse { result, time: 0.0, usage: None }))
        })
    }

    async fn facet(&self, request: Request<wire::FacetCounts>) -> Answer<wire::FacetResponse> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        if request.key.is_empty() {
            return Err(validation("key", "must not be empty"));
        }
        let key = Path::parse(&request.key)?;
        let filter = Filter::read_option(request.filter)?;
        let limit = request.limit.map_or(10, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        self.with(&request.collection_name, |collection| {
            let read = filter.as_ref();
            collection.check(Checked { timeout: request.timeout, limit: Some(limit), read, ..Checked::default() })?;
            let hits = collection.facet(&key, read, limit)?;
            Ok(Response::new(wire::FacetResponse { hits, time: 0.0, usage: None }))
        })
    }

    not_imitated! {
        delete_vectors: DeletePointVectors => PointsOperationResponse;
        create_vector_name: CreateVectorNameRequest => PointsOperationResponse;
        delete_vector_name: DeleteVectorNameRequest => PointsOperationResponse;
        search: SearchPoints => SearchResponse;
        search_batch: SearchBatchPoints => SearchBatchResponse;
        search_groups: SearchPointGroups => SearchGroupsResponse;
        recommend: RecommendPoints => RecommendResponse;
        recommend_batch: RecommendBatchPoints => RecommendBatchResponse;
        recommend_groups: RecommendPointGroups => RecommendGroupsResponse;
        discover: DiscoverPoints => DiscoverResponse;
        discover_batch: DiscoverBatchPoints => DiscoverBatchResponse;
        query_groups: QueryPointGroups => QueryGroupsResponse;
        search_matrix_pairs: SearchMatrixPoints => SearchMatrixPairsResponse;
        search_matrix_offsets: SearchMatrixPoints => SearchMatrixOffsetsResponse;
    }
}

fn changed(wait: Option<bool>, operation: u64) -> wire::PointsOperationResponse {
    let status = if wait == Some(true) { wire::UpdateStatus::Completed } else { wire::UpdateStatus::Acknowledged };
    let result = wire::UpdateResult { operation_id: Some(operation), status: status.into() };
    wire::PointsOperationResponse { result: Some(result), time: 0.0, usage: None }
}

//! Calls on collections.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::collections_server::Collections;
use tonic::{Request, Response, Status};

use super::{Service, check_name, check_timeout, not_imitated};
use crate::qdrant::collection::Collection;
use crate::qdrant::status::{collection_exists, validation};

/// What a name of a new collection cannot have in it; older ones may.
const NOT_IN_NEW_NAMES: [char; 11] = ['<', '>', ':', '"', '/', '\\', '|', '?', '*', '\0', '\u{1f}'];

#[tonic::async_trait]
impl Collections for Service {
    async fn get(
        &self,
        request: Request<wire::GetCollectionInfoRequest>,
    ) -> Result<Response<wire::GetCollectionInfoResponse>, Status> {
        let name = request.into_inner().collection_name;
        check_name(&name)?;
        let info = self.with(&name, |collection| Ok(collection.describe()))?;
        Ok(Response::new(wire::GetCollectionInfoResponse { result: Some(info), time: 0.0 }))
    }

    async fn list(&self, _: Request<wire::ListCollectionsRequest>) -> Result<Response<wire::ListCollectionsResponse>, Status> {
        let collections = self.lock().keys().map(|name| wire::CollectionDescription { name: name.clone() }).collect();
        Ok(Response::new(wire::ListCollectionsResponse { collections, time: 0.0 }))
    }

    async fn create(
        &self,
        request: Request<wire::CreateCollection>,
    ) -> Result<Response<wire::CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        let name = request.collection_name.clone();
        check_name(&name)?;
        if let Some(character) = name.chars().find(|character| NOT_IN_NEW_NAMES.contains(character)) {
            return Err(validation("collection_name", format!("collection name cannot contain {character:?} char")));
        }
        let collection = Collection::create(request)?;
        let mut collections = self.lock();
        if collections.contains_key(&name) {
            return Err(collection_exists(&name));
        }
        collections.insert(name, collection);
        done(true)
    }

    async fn update(
        &self,
        request: Request<wire::UpdateCollection>,
    ) -> Result<Response<wire::CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        self.with(&request.collection_name.clone(), |collection| collection.reconfigure(request))?;
        done(true)
    }

    async fn delete(
        &self,
        request: Request<wire::DeleteCollection>,
    ) -> Result<Response<wire::CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        check_name(&request.collection_name)?;
        check_timeout(request.timeout)?;
        // That there is none is told by the result and is no error.
        done(self.lock().remove(&request.collection_name).is_some())
    }

    async fn collection_exists(
        &self,
        request: Request<wire::CollectionExistsRequest>,
    ) -> Result<Response<wire::CollectionExistsResponse>, Status> {
        let name = request.into_inner().collection_name;
        check_name(&name)?;
        let exists = self.lock().contains_key(&name);
        Ok(Response::new(wire::CollectionExistsResponse { result: Some(wire::CollectionExists { exists }), time: 0.0 }))
    }

    not_imitated! {
        list_aliases: ListAliasesRequest => ListAliasesResponse;
        list_collection_aliases: ListCollectionAliasesRequest => ListAliasesResponse;
        update_aliases: ChangeAliases => CollectionOperationResponse;
        collection_cluster_info: CollectionClusterInfoRequest => CollectionClusterInfoResponse;
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest => UpdateCollectionClusterSetupResponse;
        create_shard_key: CreateShardKeyRequest => CreateShardKeyResponse;
        delete_shard_key: DeleteShardKeyRequest => DeleteShardKeyResponse;
        list_shard_keys: ListShardKeysRequest => ListShardKeysResponse;
    }
}

fn done(result: bool) -> Result<Response<wire::CollectionOperationResponse>, Status> {
    Ok(Response::new(wire::CollectionOperationResponse { result, time: 0.0 }))
}

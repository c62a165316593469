//! What the server answers to each request of the protocol.

use crate::{McpServerBuilder, failure, parts::Parts, resources, tools};
use mastra_core::{Error, Result};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, Implementation,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use std::{future::Future, sync::Arc};

/// What a client is told when it connects.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// Methods that have parameters of a fixed form: a request for one that reaches [`ServerHandler::on_custom_request`] had others.
const KNOWN_METHODS: [&str; 5] = ["tools/call", "tools/list", "resources/list", "resources/templates/list", "resources/read"];

/// Entities, records and knowledge bases as read-only tools and resources of the Model Context Protocol.
///
/// Handles are cheap to clone and share one state. It is a [`ServerHandler`], so that every transport of `rmcp` can serve it, and serves
/// standard input and output, or any two streams, by itself.
#[derive(Debug, Clone)]
pub struct McpServer {
    parts: Arc<Parts>,
}

impl McpServer {
    /// Describes a server.
    pub fn builder() -> McpServerBuilder {
        McpServerBuilder::default()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Works until it is done, takes too long, or the client does not want it any more: then what was asked of the engine is dropped.
    async fn answer<T>(&self, context: &RequestContext<RoleServer>, work: impl Future<Output = Result<T>>) -> Result<T> {
        let cancelled = || Err(Error::unavailable("the client cancelled the request").retryable(false));
        context.ct.run_until_cancelled(self.parts.guarded(work)).await.unwrap_or_else(cancelled)
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        let about = Implementation::new("mastra", env!("CARGO_PKG_VERSION"))
            .with_title("Mastra Engine")
            .with_description("Entities, records and knowledge bases, to be read");
        ServerConfig::new(capabilities).with_server_info(about).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all().iter().map(|tool| tool.described(&self.parts)).collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name).map(|tool| tool.described(&self.parts))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::find(&request.name) else {
            let known: Vec<&str> = tools::all().iter().map(|tool| tool.name).collect();
            let error =
                Error::invalid_input("there is no such tool").with("tool", &*request.name).with("known", known.join(", "));
            return Err(failure::of_request(&error));
        };
        let arguments = request.arguments.unwrap_or_default();
        let answered = self.answer(&context, (tool.call)(&self.parts, arguments)).await;
        Ok(answered.unwrap_or_else(|error| failure::of_tool(&error)).into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let listed = self.answer(&context, resources::list(&self.parts, cursor.as_deref())).await;
        listed.map_err(|error| failure::of_request(&error))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(vec![resources::template()]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.answer(&context, resources::read(&self.parts, &request.uri)).await;
        read.map(Into::into).map_err(|error| failure::of_request(&error))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if KNOWN_METHODS.contains(&request.method.as_str()) {
            return Err(ErrorData::invalid_params(format!("the parameters of {} are malformed", request.method), None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None))
    }
}

//! Serving until the client goes.

use crate::{McpServer, transport::Lines};
use mastra_core::{Error, Result};
use rmcp::{
    ServiceExt,
    service::{QuitReason, ServerInitializeError},
};
use tokio::io::{AsyncRead, AsyncWrite};

impl McpServer {
    /// Serves the client at standard input and output until it goes. Nothing else may write to standard output meanwhile.
    ///
    /// Errors: as [`McpServer::serve`].
    pub async fn serve_stdio(self) -> Result<()> {
        self.serve(tokio::io::stdin(), tokio::io::stdout()).await
    }

    /// Serves one client over two streams, a message a line, until it goes. Dropping the future drops what is being worked on.
    ///
    /// A message of more than 4 MiB, one that is no JSON and one that is nested too deeply are answered with an error, and the session goes
    /// on.
    ///
    /// Errors: `InvalidInput` where the client speaks no version of the protocol that the server knows; `Unavailable` where the streams fail.
    pub async fn serve(
        self,
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result<()> {
        let running = match ServiceExt::serve(self, Lines::new(read, write)).await {
            Ok(running) => running,
            // It went before it said what it wanted.
            Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
            Err(error @ ServerInitializeError::TransportError { .. }) => {
                return Err(Error::unavailable("the client cannot be written to").with_source(error));
            }
            Err(error) => return Err(Error::invalid_input("the client did not begin as the protocol asks").with_source(error)),
        };
        match running.waiting().await {
            Ok(QuitReason::JoinError(source)) | Err(source) => {
                Err(Error::internal("the server stopped by a defect").with_source(source))
            }
            Ok(_) => Ok(()),
        }
    }
}

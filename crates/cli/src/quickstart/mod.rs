//! `mastra quickstart`.

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Quickstart {}

impl Quickstart {
    pub(crate) async fn run(&self, _context: &Context) -> Outcome {
        Ok(Exit::Done)
    }
}

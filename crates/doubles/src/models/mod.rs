//! A server of embedding models that speaks OpenAI's protocol, `POST /v1/embeddings`, and Azure's form of it.
//!
//! Vectors are made of the text's words, so that texts with words in common are near; they are of length 1. The rest follows OpenAI's
//! documented behaviour: the shape of answers and errors, keys, `dimensions`, the limits on the number of inputs and on their tokens (a
//! word is a token here), 404 for unknown models, Azure's `/openai/deployments/NAME/embeddings?api-version=…` with the header `api-key`.
//! HTTP/1.1 is spoken by hand, so that an answer can end in the middle.
//!
//! Not imitated: token arrays as input, `encoding_format: base64` (400, never a guess), rate limits other than as a fault.

mod answer;
mod faults;
mod http;
mod server;

pub use faults::{Fault, FaultOn};
pub use http::Request;
pub use server::{Models, Settings};

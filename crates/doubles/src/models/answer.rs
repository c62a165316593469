//! What a call is answered.

use serde_json::{Value, json};

use super::http::{Request, Response};
use super::server::Settings;

pub(super) fn to(request: &Request, settings: &Settings) -> Response {
    match embed(request, settings) {
        Ok(body) => Response { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() },
        Err((status, message, code)) => {
            let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}});
            Response { status, headers: Vec::new(), body: error.to_string().into_bytes() }
        }
    }
}

type Refusal = (u16, String, Option<&'static str>);

fn refuse<T>(status: u16, message: &str, code: Option<&'static str>) -> Result<T, Refusal> {
    Err((status, message.to_owned(), code))
}

fn embed(request: &Request, settings: &Settings) -> Result<Value, Refusal> {
    let model = model(request)?;
    if let Some(key) = &settings.api_key {
        let azure = request.target.starts_with("/openai/");
        let given = match azure {
            true => request.header("api-key"),
            false => request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")),
        };
        if given != Some(key) {
            // As the real one, it repeats the key.
            let given = given.unwrap_or("none");
            return refuse(401, &format!("Incorrect API key provided: {given}."), Some("invalid_api_key"));
        }
    }
    let Some(native) = settings.models.get(&model).copied() else {
        return refuse(404, &format!("The model `{model}` does not exist"), Some("model_not_found"));
    };
    if request.body.get("encoding_format").is_some_and(|format| format != "float") {
        return refuse(400, "only floats are imitated", Some("unsupported_value"));
    }
    let dimension = match request.body.get("dimensions").map(Value::as_u64) {
        None => native,
        Some(Some(asked)) if model.contains("shorten") && (1..=native as u64).contains(&asked) => asked as usize,
        Some(_) => return refuse(400, "This model does not support specifying dimensions.", None),
    };
    let inputs = request.inputs();
    if inputs.is_empty() || inputs.iter().any(|input| input.is_empty()) {
        return refuse(400, "'$.input' is invalid.", None);
    }
    if inputs.len() > settings.most_inputs {
        return refuse(400, "'$.input' is invalid: too many inputs. Please check the API reference.", None);
    }
    let tokens: Vec<usize> = inputs.iter().map(|input| input.split_whitespace().count()).collect();
    if tokens.iter().any(|tokens| *tokens > settings.most_tokens) {
        let message =
            format!("This model's maximum context length is {} tokens, however you requested more", settings.most_tokens);
        return refuse(400, &message, None);
    }
    let together: usize = tokens.iter().sum();
    if together > settings.most_tokens_together {
        return refuse(400, "Requested too many tokens, max per request", Some("max_tokens_per_request"));
    }
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text, native, dimension)}))
        .collect();
    let usage = json!({"prompt_tokens": together, "total_tokens": together});
    Ok(json!({"object": "list", "data": data, "model": model, "usage": usage}))
}

/// The model's name, in the body or in Azure's path.
fn model(request: &Request) -> Result<String, Refusal> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if request.method != "POST" {
        return refuse(405, "Not allowed", None);
    }
    let deployment = path.strip_prefix("/openai/deployments/").and_then(|rest| rest.strip_suffix("/embeddings"));
    match deployment {
        Some(_) if !query.starts_with("api-version=") => refuse(404, "Resource not found", Some("404")),
        Some(deployment) => Ok(deployment.to_owned()),
        None if path == "/v1/embeddings" => match request.body.get("model").and_then(Value::as_str) {
            Some(model) => Ok(model.to_owned()),
            None => refuse(400, "you must provide a model parameter", None),
        },
        None => refuse(404, "Invalid URL", None),
    }
}

/// A place for each word, and a trace of each in every place, so that no vector is zero.
fn vector(text: &str, native: usize, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.01_f32; native];
    for word in text.split_whitespace() {
        let place = word.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte))) % native;
        if let Some(number) = vector.get_mut(place) {
            *number += 1.0;
        }
    }
    vector.truncate(dimension);
    let norm = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.into_iter().map(|number| number / norm).collect()
}

//! What the answer to a publish means: the event is in the log, it is not and never will be, or ask again. And, for
//! who has to decide whether to ask again tomorrow, whether it may be in the log all the same.
//!
//! ```text
//! in the log       202 with the receipts of what was sent
//! certainly not    a relay's own refusal, and everybody's 429; or the request never left Forge
//! perhaps          whatever a proxy says in the relay's place: it may have passed the request on before it failed
//! ```

use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use crate::body::read_json;
use crate::{Code, FieldError, Receipt, Receipts};

/// An HTTP answer, read to its end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The header `retry-after`.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// The header `location`.
    #[serde(default)]
    pub location: Option<String>,
    /// The header `forge-proxy-error`, with which Forge says that the answer is its own.
    #[serde(default)]
    pub forge_proxy_error: Option<String>,
}

/// The receipts of a publish: one of an event, `batch` of a batch of so many.
///
/// # Errors
/// Why there are none.
pub fn receipts(
    answer: &Answer,
    body: &[u8],
    batch: Option<usize>,
) -> Result<Vec<Receipt>, Failure> {
    let status = answer.status;
    if let Some(error) = &answer.forge_proxy_error {
        return Err(of_forge(error, answer));
    }
    match status {
        202 => accepted(body, batch).ok_or_else(|| Failure {
            // Cut short, or by somebody who is no relay. A relay that took it knows the nonce.
            retryable: true,
            may_be_in_log: true,
            ..no_relay(answer, "answered 202 without the receipts of what was sent")
        }),
        200..=299 => Err(no_relay(answer, "answered without a receipt")),
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("somewhere else");
            let to: String = to.chars().take(200).collect();
            let what = format!("redirects to {to}: give the address that answers itself");
            Err(no_relay(answer, &what))
        }
        _ => Err(refusal(answer, body)),
    }
}

fn accepted(body: &[u8], batch: Option<usize>) -> Option<Vec<Receipt>> {
    let Some(sent) = batch else {
        return Some(vec![serde_json::from_slice(body).ok()?]);
    };
    let Receipts { receipts } = serde_json::from_slice(body).ok()?;
    (receipts.len() == sent).then_some(receipts)
}

/// A problem as the relay writes it; of a newer relay, perhaps with a code that is not known here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    code: String,
    detail: String,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<Value>,
}

fn refusal(answer: &Answer, body: &[u8]) -> Failure {
    let status = answer.status;
    let retry_after = seconds(answer.retry_after.as_deref());
    let problem = read_json(body)
        .ok()
        .and_then(|raw| serde_json::from_str::<Sent>(raw.get()).ok());
    let Some(problem) = problem else {
        return Failure {
            retry_after,
            ..between(answer)
        };
    };
    let known = Code::ALL.iter().find(|code| code.as_str() == problem.code);
    let failed = status >= 500 && status != 503;
    Failure {
        status: Some(status),
        retryable: known.map_or(status == 429 || status >= 500, |code| code.retryable()),
        // A relay that failed half-way does not know either.
        may_be_in_log: failed,
        retry_after,
        errors: problem
            .errors
            .into_iter()
            .filter_map(|error| serde_json::from_value::<FieldError>(error).ok())
            .collect(),
        request_id: problem.request_id,
        ..Failure::final_one(problem.code, problem.detail)
    }
}

/// Words of whoever stands between us and the relay.
fn between(answer: &Answer) -> Failure {
    let status = answer.status;
    let again = |code, message: String, may_be_in_log| Failure {
        status: Some(status),
        retryable: true,
        may_be_in_log,
        ..Failure::final_one(code, message)
    };
    match status {
        429 => again(
            Code::RateLimited.as_str(),
            "too many requests, says the address (429): publish less often, or in batches"
                .to_owned(),
            false,
        ),
        408 | 500..=599 => again(
            "bad_gateway",
            format!(
                "{status} from something before the relay, which may have passed the event on: see that the relay runs \
                 and can be reached from there"
            ),
            true,
        ),
        _ => no_relay(answer, &format!("answered {status}")),
    }
}

/// Forge's own answer: the request was not passed on, or so it failed that Forge has no answer of the relay.
fn of_forge(error: &str, answer: &Answer) -> Failure {
    let error: String = error.chars().take(100).collect();
    let status = Some(answer.status);
    if answer.status == 429 {
        return Failure {
            status,
            retryable: true,
            retry_after: seconds(answer.retry_after.as_deref()),
            ..Failure::final_one(
                Code::RateLimited.as_str(),
                format!(
                    "Forge allows no further request now ({error}): publish less often, or in batches"
                ),
            )
        };
    }
    if answer.status >= 500 {
        return Failure {
            status,
            retryable: true,
            may_be_in_log: true,
            ..Failure::final_one(
                "bad_gateway",
                format!(
                    "Forge's proxy had no answer of the relay ({error}): see that it runs and can be reached"
                ),
            )
        };
    }
    Failure {
        status,
        ..Failure::final_one(
            "egress_blocked",
            format!(
                "Forge did not let the request out ({error}): name the relay in the manifest, under \
                 permissions.external.fetch.backend"
            ),
        )
    }
}

fn no_relay(answer: &Answer, what: &str) -> Failure {
    Failure {
        status: Some(answer.status),
        ..Failure::final_one(
            "not_a_relay",
            format!("the address {what}; is it a relay's, without a path such as /events?"),
        )
    }
}

/// Whole seconds; a relay sends no dates.
fn seconds(header: Option<&str>) -> Option<u32> {
    header?.trim().parse().ok()
}

//! A push through the reporter that waits for the answer.

use crate::limits::PUSH_TIMEOUT_MS;
use crate::platform::{Answer, Platform};
use crate::push::{PushError, PushResult, Refused};
use crate::row::{Entry, Row};
use crate::signal::first_of;

/// Pushes entries, each with its index in the caller's list. `refused` holds the invalid samples.
pub(crate) async fn push(
    platform: &dyn Platform,
    entries: Vec<(usize, Entry)>,
    mut refused: Vec<Refused>,
) -> Result<PushResult, PushError> {
    // One row per entry, in the caller's order: the answer refers to entries by index.
    let rows = entries
        .into_iter()
        .map(|(at, entry)| (at, Row::from(entry)));
    let (places, rows): (Vec<_>, Vec<_>) = rows.unzip();
    let answering = platform.push(&rows);
    match first_of(answering, platform.sleep(PUSH_TIMEOUT_MS)).await {
        Some(Answer::Answered(mut result)) => {
            for sample in &mut result.refused {
                // An unknown index stays unchanged.
                sample.index = places.get(sample.index).copied().unwrap_or(sample.index);
            }
            result.ok = result.ok && refused.is_empty();
            result.refused.append(&mut refused);
            result.refused.sort_by_key(|sample| sample.index);
            Ok(result)
        }
        Some(Answer::Nonsense) => Err(PushError::Unknown("its answer is no push result".into())),
        Some(Answer::NotSent(why)) => Err(PushError::NotSent(why)),
        Some(Answer::Failed(why)) => Err(PushError::Unknown(why)),
        None => Err(PushError::Unknown(format!(
            "no answer within {PUSH_TIMEOUT_MS} ms"
        ))),
    }
}

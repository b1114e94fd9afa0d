//! A push through the reporter, whose answer is waited for.

use crate::limits::PUSH_TIMEOUT_MS;
use crate::platform::{Answer, Platform};
use crate::push::{PushError, PushResult, Refused};
use crate::row::{Entry, Row};
use crate::signal::first_of;

/// Pushes entries, each with its place in what the caller gave; `refused` were no samples at all.
pub(crate) async fn push(
    platform: &dyn Platform,
    entries: Vec<(usize, Entry)>,
    mut refused: Vec<Refused>,
) -> Result<PushResult, PushError> {
    // A row for each, in the caller's order: the answer names them by their places.
    let rows = entries
        .into_iter()
        .map(|(at, entry)| (at, Row::from(entry)));
    let (places, rows): (Vec<_>, Vec<_>) = rows.unzip();
    let answering = platform.push(&rows);
    match first_of(answering, platform.sleep(PUSH_TIMEOUT_MS)).await {
        Some(Answer::Answered(mut result)) => {
            for sample in &mut result.refused {
                // An index that is none of ours is left as it is.
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

//! Warnings, with a limit on their rate.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::clock;

const QUIET_MS: f64 = 60_000.0;
const MAX_REMEMBERED: usize = 256;
/// Most bytes of a name in a warning.
const MAX_QUOTED: usize = 200;
/// Most bytes of an error's text. The reporter's errors name the metric and end with a correct
/// example.
const MAX_ERROR: usize = 400;

thread_local! {
    // When each warning was last written, for the whole isolate: a mistake in a busy handler must
    // not write a line per request.
    static GIVEN: RefCell<HashMap<(&'static str, String), f64>> = RefCell::default();
}

/// Writes one line to the log, at most once a minute for each `kind` and `subject`.
///
/// `subject` is what the line is about, such as a metric's name or an error's text. `kind` stays
/// the same when the wording changes.
pub(crate) fn warn(kind: &'static str, subject: &str, text: &str) {
    if is_due(kind, subject, clock::now_ms()) {
        clock::log(&format!("metrics-reporter-client: {text}"));
    }
}

fn is_due(kind: &'static str, subject: &str, now: f64) -> bool {
    GIVEN
        .try_with(|given| {
            let Ok(mut given) = given.try_borrow_mut() else {
                return false;
            };
            let is_quiet = |at: f64| (0.0..QUIET_MS).contains(&(now - at));
            let key = (kind, clip(subject).to_owned());
            if let Some(at) = given.get_mut(&key) {
                let due = !is_quiet(*at);
                if due {
                    *at = now;
                }
                return due;
            }
            if given.len() >= MAX_REMEMBERED {
                given.retain(|_, at| is_quiet(*at));
            }
            let room = given.len() < MAX_REMEMBERED;
            if room {
                given.insert(key, now);
            }
            room
        })
        .unwrap_or(false)
}

/// Clears the record of written warnings.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn forget() {
    let _ = GIVEN.try_with(|given| given.borrow_mut().clear());
}

/// The beginning of a text that may be long.
pub(crate) fn clip(text: &str) -> &str {
    clip_to(text, MAX_QUOTED)
}

/// The beginning of an error's text.
pub(crate) fn clip_error(text: &str) -> &str {
    clip_to(text, MAX_ERROR)
}

fn clip_to(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_once_a_minute_for_each_subject() {
        assert!(is_due("kind", "a_total", 0.0));
        assert!(!is_due("kind", "a_total", QUIET_MS - 1.0));
        assert!(is_due("kind", "b_total", 0.0));
        assert!(is_due("other", "a_total", 0.0));
        assert!(is_due("kind", "a_total", QUIET_MS));
        assert!(!is_due("kind", "a_total", QUIET_MS + 1.0));
        // A clock that was set back silences the warning only briefly.
        assert!(is_due("kind", "a_total", 5.0));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut given = 0;
        for i in 0..1_000 {
            given += usize::from(is_due("kind", &i.to_string(), 0.0));
        }
        assert_eq!(given, MAX_REMEMBERED);
        assert!(is_due("kind", "new", QUIET_MS));
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"é".repeat(200)).len(), MAX_QUOTED);
        assert_eq!(clip(&format!("x{}", "é".repeat(200))).len(), MAX_QUOTED - 1);
    }
}

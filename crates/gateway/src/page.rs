//! The page at `/`: one document, assembled once, and the policy that runs only its own script.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// One script: the parts form one module, and later parts use earlier ones.
const SCRIPT: &str = concat!(
    include_str!("page/format.js"),
    include_str!("page/store.js"),
    include_str!("page/dom.js"),
    include_str!("page/chart.js"),
    include_str!("page/details.js"),
    include_str!("page/table.js"),
    include_str!("page/pushes.js"),
    include_str!("page/main.js"),
);

/// The document and its Content-Security-Policy.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) html: Arc<str>,
    pub(crate) policy: Arc<str>,
}

impl Page {
    pub(crate) fn new() -> Self {
        let html = HTML
            .replacen("/*STYLE*/", STYLE, 1)
            .replacen("/*SCRIPT*/", SCRIPT, 1);
        // Only the style and script of this document run, so a label value cannot become either.
        // `data:` is for the icon. Trusted types disable innerHTML.
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            hash(SCRIPT),
            hash(STYLE)
        );
        Self {
            html: html.into(),
            policy: policy.into(),
        }
    }
}

/// A source expression that matches an inline element with exactly this text.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_browsers_compute() {
        // MDN's example for script-src.
        assert_eq!(
            hash("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn the_document_holds_its_style_and_script_unchanged_and_loads_nothing() {
        let page = Page::new();
        assert!(page.html.contains(&format!("<style>{STYLE}</style>")));
        assert!(
            page.html
                .contains(&format!("<script type=\"module\">{SCRIPT}</script>"))
        );
        assert!(!page.html.contains("src=\"http") && !page.html.contains("@import"));
    }
}

//! A scrape as the body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use http_body::Frame;

use crate::exposition::Scrape;
use crate::shared::Shared;

/// Writes one piece per poll and then yields. Without the yield, a fast reader would get all pieces
/// in one go, and on one core no push would run meanwhile.
#[derive(Debug)]
pub(crate) struct Pieces {
    gateway: Shared,
    scrape: Scrape,
    gives_way: bool,
}

impl Pieces {
    pub(crate) fn new(gateway: Shared, scrape: Scrape) -> Self {
        Self {
            gateway,
            scrape,
            gives_way: false,
        }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self {
            gateway,
            scrape,
            gives_way,
        } = &mut *self;
        if std::mem::take(gives_way) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        *gives_way = true;
        let piece = gateway.piece(scrape);
        Poll::Ready(piece.map(|text| Ok(Frame::data(text.into()))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::clock::Clock;
    use crate::exposition::Format;
    use crate::gateway::{Config, Gateway};
    use crate::proto::{Metric, MetricType};
    use crate::push::Push;

    #[test]
    fn pushes_get_their_turn_between_two_pieces() {
        let gateway = Shared::new(Gateway::new(Config::default()), Clock::start());
        let metrics: Vec<_> = (0..2_000)
            .map(|n| Metric {
                name: format!("x{n}"),
                r#type: MetricType::Counter.into(),
                ..Metric::default()
            })
            .collect();
        gateway.push(None, &Push::from(&metrics[..])).unwrap();
        let mut body = Pieces::new(gateway, Scrape::new(Format::Plain));
        let mut context = Context::from_waker(Waker::noop());
        let mut pieces = 0;
        loop {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Ready(Some(_)) => pieces += 1,
                Poll::Ready(None) => break,
                Poll::Pending => panic!("no piece after {pieces}"),
            }
            assert!(Pin::new(&mut body).poll_frame(&mut context).is_pending());
        }
        assert!(pieces > 2, "{pieces}");
    }
}

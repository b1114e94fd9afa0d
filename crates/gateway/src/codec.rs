//! The codec: keeps a push encoded until it is applied, after a check of the number of its Metrics.

use prost::Message;
use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::proto::PushResponse;

/// Most Metrics in one push. An empty Metric takes two bytes on the wire and about a hundred in
/// memory. With a limit on the message's bytes alone, a small request could take a lot of memory.
pub(crate) const MAX_METRICS: usize = 50_000;

/// An encoded `PushRequest` with at most [`MAX_METRICS`].
#[derive(Clone, Debug)]
pub(crate) struct EncodedPush(pub(crate) Bytes);

/// Decodes [`EncodedPush`] and encodes `PushResponse`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PushCodec;

impl Codec for PushCodec {
    type Encode = PushResponse;
    type Decode = EncodedPush;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Encoder for PushCodec {
    type Item = PushResponse;
    type Error = Status;

    fn encode(&mut self, item: PushResponse, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buf)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for PushCodec {
    type Item = EncodedPush;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<EncodedPush>, Status> {
        let message = buf.copy_to_bytes(buf.remaining());
        let metrics = count_field_1(&message);
        if metrics > MAX_METRICS {
            return Err(Status::resource_exhausted(format!(
                "expected at most {MAX_METRICS} metrics in a push, found {metrics}"
            )));
        }
        Ok(Some(EncodedPush(message)))
    }
}

/// Counts field 1 up to the first error in the message. Decoding reports the error later.
fn count_field_1(mut message: &[u8]) -> usize {
    let mut count = 0_usize;
    while message.has_remaining() {
        let Ok((tag, wire_type)) = decode_key(&mut message) else {
            break;
        };
        if tag == 1 && wire_type == WireType::LengthDelimited {
            count = count.saturating_add(1);
        }
        if skip_field(wire_type, tag, &mut message, DecodeContext::default()).is_err() {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_counted_past_other_fields() {
        // field 1 empty, field 7 varint 300, field 1 with one byte
        let message = [0x0A, 0x00, 0x38, 0xAC, 0x02, 0x0A, 0x01, 0xFF];
        assert_eq!(count_field_1(&message), 2);
    }

    #[test]
    fn counting_stops_where_the_message_is_broken() {
        // the second entry claims five bytes and has none
        assert_eq!(count_field_1(&[0x0A, 0x00, 0x0A, 0x05]), 2);
        assert_eq!(count_field_1(&[0xFF]), 0);
        assert_eq!(count_field_1(&[]), 0);
    }
}

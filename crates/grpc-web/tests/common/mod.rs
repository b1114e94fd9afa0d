//! A second opinion on when a response is OK, written from the protocol alone.
//!
//! It reads a whole body at once, with the standard library's string functions, and shares no code
//! with the crate. The fuzz targets use it too.

/// The response message if this response, read to its end, is a success, and `None` if it is
/// anything else.
pub(crate) fn ok_message(
    http_status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    max_message_len: usize,
) -> Option<Vec<u8>> {
    if http_status != 200 {
        return None;
    }
    let content_types: Vec<String> = values(headers, "content-type")
        .map(|v| {
            let essence = v.split(';').next().unwrap_or_default();
            essence.trim_matches([' ', '\t']).to_lowercase()
        })
        .collect();
    let known = ["application/grpc-web", "application/grpc-web+proto"];
    if content_types.is_empty() || !content_types.iter().all(|t| known.contains(&t.as_str())) {
        return None;
    }
    // Exactly one message, then exactly one block of trailers, then the end.
    let (message, rest) = frame(body, 0x00)?;
    let (block, rest) = frame(rest, 0x80)?;
    if !rest.is_empty() || message.len() > max_message_len || block.len() > 16 * 1024 {
        return None;
    }
    let mut statuses: Vec<String> = Vec::new();
    for line in block.split(|&b| b == b'\n') {
        let line: String = line.iter().map(|&b| char::from(b)).collect();
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("grpc-status")
        {
            statuses.push(value.to_owned());
        }
    }
    if statuses.is_empty() {
        statuses.extend(values(headers, "grpc-status").map(str::to_owned));
    }
    let all_zero = statuses
        .iter()
        .flat_map(|s| s.split(','))
        .all(|s| s.trim_matches([' ', '\t']) == "0");
    (!statuses.is_empty() && all_zero).then(|| message.to_vec())
}

fn values<'a>(headers: &[(&'a str, &'a str)], name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| *v)
}

/// The payload of a first frame that has these flags, and what follows it.
fn frame(body: &[u8], flags: u8) -> Option<(&[u8], &[u8])> {
    let (header, rest) = body.split_at_checked(5)?;
    let len = u32::from_be_bytes(header[1..5].try_into().ok()?);
    if header[0] != flags {
        return None;
    }
    rest.split_at_checked(len.try_into().ok()?)
}

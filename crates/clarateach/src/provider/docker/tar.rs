//! Just enough of a tar archive to read the one small file that the engine packs into it.

const BLOCK: usize = 512;

/// The content of the archive's first regular file (POSIX ustar; pax headers are passed over).
pub(super) fn first_file(archive: &[u8]) -> Option<&[u8]> {
    let mut rest = archive;
    loop {
        let (header, after) = rest.split_at_checked(BLOCK)?;
        let size = octal(&header[124..136])?;
        let content = after.get(..size);
        match header[156] {
            b'0' | 0 => return content,
            b'x' | b'g' | b'L' | b'K' => rest = after.get(size.next_multiple_of(BLOCK)..)?,
            _ => return None,
        }
    }
}

fn octal(field: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    usize::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = kind;
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    #[test]
    fn a_file_behind_a_pax_header_is_found() {
        let archive = [entry(b'x', &[b'p'; 600]), entry(b'0', b"root:x:0:0")].concat();
        assert_eq!(first_file(&archive), Some(&b"root:x:0:0"[..]));
    }

    #[test]
    fn a_link_or_a_torn_archive_is_no_file() {
        assert_eq!(first_file(&entry(b'2', b"")), None);
        assert_eq!(first_file(&entry(b'0', &[1; 900])[..700]), None);
        assert_eq!(first_file(b""), None);
        assert_eq!(first_file(&vec![0xff; BLOCK]), None);
    }
}

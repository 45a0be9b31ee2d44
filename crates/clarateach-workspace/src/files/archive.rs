//! Whole folders as one file, out and in: zip and tar.gz.
//!
//! [`pack`] walks a folder without following links and streams it; [`unpack`] looks at a whole
//! archive before it writes the first byte, and puts its entries below one folder, never through a
//! link. [`zip_writer`], [`zip_reader`] and [`tar_reader`] know the formats.

pub(crate) mod entry;
pub(crate) mod pack;
mod tar_reader;
pub(crate) mod unpack;
mod zip_reader;
mod zip_writer;

use super::FilesError;

/// The kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Zip,
    TarGz,
}

impl Format {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::TarGz => "tar.gz",
        }
    }

    /// What an archive begins with: a local header or an empty zip's end; gzip's magic.
    pub(crate) fn of(beginning: &[u8]) -> Option<Self> {
        match beginning {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, ..] => Some(Self::TarGz),
            _ => None,
        }
    }
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("this is neither a zip nor a tar.gz archive")]
    Unknown,
    #[error("the archive is broken: {reason}")]
    Broken { reason: String },
    #[error("{total} of the archive's paths exist already: add overwrite=true to replace files")]
    InTheWay { paths: Vec<String>, total: usize },
    #[error("the archive unpacks to more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the archive unpacks to more than {ratio} times its own size")]
    Bomb { ratio: u64 },
    #[error("the archive has more than {limit} entries")]
    TooMany { limit: usize },
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("{source} ({files} files had been unpacked by then)")]
    Partial {
        files: u64,
        source: Box<ArchiveError>,
    },
}

pub(crate) fn broken(reason: impl Into<String>) -> ArchiveError {
    ArchiveError::Broken {
        reason: reason.into(),
    }
}

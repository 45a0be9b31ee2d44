//! Seats' own disks: a sparse ext4 file each, mounted on a folder that the seat sees as `/workspace`.
//!
//! `<data>/seats/<workshop>/seat-01/g1.ext4` is mounted on `g1` beside it. The file's size is the
//! quota. Where the host has no loop devices, `g1` is a plain folder without a limit. Every step can
//! be repeated after a kill: a file gets its name only when it is whole.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use tokio::sync::{Mutex, OnceCell};

use super::command::{self, CommandError};
use super::files;
use crate::provider::ProviderError;

/// Seats run as this user and group.
pub(super) const SEAT_UID: u32 = 1000;
/// `noinit_itable`: zeroing inode tables later would write, and so allocate, 32 MiB a seat for nothing.
const MOUNT_OPTIONS: &str = "loop,nosuid,nodev,noinit_itable";
/// Room for an ext4 with its journal; the probe's disk is no larger.
const PROBE_MIB: u32 = 64;

/// All seats' disks of this installation.
#[derive(Debug)]
pub(super) struct Disks {
    seats: PathBuf,
    templates: PathBuf,
    making_template: Mutex<()>,
    /// Whether disks with a size can be had, tried once.
    sized: OnceCell<Result<(), String>>,
}

/// Why a disk isn't as it should be.
#[derive(Debug, thiserror::Error)]
enum DiskError {
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Disks {
    /// Disks below a data directory.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            seats: data_dir.join("seats"),
            templates: data_dir.join("templates"),
            making_template: Mutex::new(()),
            sized: OnceCell::new(),
        }
    }

    /// The folder that a seat's generation sees as `/workspace`, made and mounted where it isn't.
    pub(super) async fn attach(
        &self,
        seat: &SeatKey,
        generation: Generation,
        size_mib: u32,
    ) -> Result<PathBuf, ProviderError> {
        let result = async {
            let folder = self.seat_folder(seat);
            let point = self.point(seat, generation);
            let file = self.file(seat, generation);
            private_dir(&folder)?;
            let has_file = file.exists();
            if !has_file && (point.exists() || self.probe().await.is_err()) {
                plain_folder(&point)?;
                return Ok(point);
            }
            if !has_file {
                copy_template(&self.template(size_mib).await?, &file).await?;
            }
            private_dir(&point)?;
            if !is_mounted(&point)? {
                mount(&file, &point).await?;
            }
            Ok::<_, DiskError>(point)
        };
        result
            .await
            .map_err(|error| disk_error("attach", seat, &error))
    }

    /// Whether a seat's process sees its disk. An engine in another mount namespace (systemd's
    /// `PrivateMounts`, `ProtectSystem` and the like make one) mounts the empty folder below instead,
    /// without a word and without a limit.
    pub(super) fn assert_seen_by(
        &self,
        seat: &SeatKey,
        generation: Generation,
        pid: u32,
    ) -> Result<(), ProviderError> {
        let identity = |path: &Path| path.metadata().map(|meta| (meta.dev(), meta.ino()));
        let seen = identity(Path::new(&format!("/proc/{pid}/root/workspace")));
        let meant = identity(&self.point(seat, generation));
        match (seen, meant) {
            (Ok(seen), Ok(meant)) if seen != meant => Err(ProviderError::Disk {
                operation: "show",
                seat: *seat,
                detail: "the engine does not see what this process mounts. Hint: run both in one mount namespace".to_owned(),
            }),
            // A process that ended already is its status' business.
            _ => Ok(()),
        }
    }

    /// Generations of a seat that have a disk, or what is left of one.
    pub(super) fn generations(&self, seat: &SeatKey) -> BTreeSet<Generation> {
        let Ok(entries) = std::fs::read_dir(self.seat_folder(seat)) else {
            return BTreeSet::new();
        };
        let generation = |name: &str| {
            let number = name.strip_prefix('g')?;
            let number = number.strip_suffix(".ext4").unwrap_or(number);
            number.parse().ok().map(Generation)
        };
        entries
            .filter_map(|entry| generation(entry.ok()?.file_name().to_str()?))
            .collect()
    }

    /// Detaches every disk of a seat that doesn't run; they stay.
    pub(super) async fn detach(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        detach_below(&self.seat_folder(seat))
            .await
            .map_err(|error| disk_error("detach", seat, &error))
    }

    /// Removes a seat's disks of other generations than these.
    pub(super) async fn keep_only(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        for generation in self.generations(seat).difference(keep) {
            let file = self.file(seat, *generation);
            let removed = async {
                remove_tree(&self.point(seat, *generation)).await?;
                detach_below(&file).await?;
                match tokio::fs::remove_file(&file).await {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&file)(error)),
                    _ => Ok(()),
                }
            };
            removed
                .await
                .map_err(|error| disk_error("remove", seat, &error))?;
        }
        Ok(())
    }

    /// Removes every disk of a seat; an absent one is fine.
    pub(super) async fn remove(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        remove_tree(&self.seat_folder(seat))
            .await
            .map_err(|error| disk_error("remove", seat, &error))
    }

    /// Removes every disk of a workshop; an absent one is fine.
    pub(super) async fn remove_workshop(&self, workshop: &WorkshopId) -> Result<(), ProviderError> {
        remove_tree(&self.workshop_folder(workshop))
            .await
            .map_err(|error| ProviderError::Engine {
                operation: "remove the disks of",
                subject: workshop.to_string(),
                source: Box::new(error),
            })
    }

    /// Workshops that have a disk, or what is left of one.
    pub(super) fn workshops(&self) -> Vec<WorkshopId> {
        let Ok(entries) = std::fs::read_dir(&self.seats) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// The folder below which all of them are.
    pub(super) fn folder(&self) -> &Path {
        &self.seats
    }

    /// An engine that doesn't see this machine's mounts gets folders.
    pub(super) fn have_no_size(&self, why: &str) {
        // Tried before: seats' disks are as they were then.
        let _ = self.sized.set(Err(why.to_owned()));
    }

    /// Whether disks with a size can be had here; tried once with a small one.
    pub(super) async fn probe(&self) -> Result<(), String> {
        self.sized
            .get_or_init(|| async {
                let folder = self.templates.join("probe");
                let tried = try_disk(&folder).await;
                let removed = remove_tree(&folder).await;
                let result = tried.and(removed).map_err(|error| error.to_string());
                if let Err(error) = &result {
                    tracing::warn!(error, "seats' disks have no limit on this machine");
                }
                result
            })
            .await
            .clone()
    }

    /// The folder of what a workshop's seats have in common.
    pub(super) fn workshop_folder(&self, workshop: &WorkshopId) -> PathBuf {
        self.seats.join(workshop.to_string())
    }

    /// The file that a seat's disk is, where it has a limit.
    pub(super) fn file(&self, seat: &SeatKey, generation: Generation) -> PathBuf {
        self.seat_folder(seat).join(format!("g{generation}.ext4"))
    }

    fn point(&self, seat: &SeatKey, generation: Generation) -> PathBuf {
        self.seat_folder(seat).join(format!("g{generation}"))
    }

    fn seat_folder(&self, seat: &SeatKey) -> PathBuf {
        self.workshop_folder(&seat.workshop)
            .join(format!("seat-{:02}", seat.seat.get()))
    }

    /// An empty disk of a size, made once.
    async fn template(&self, size_mib: u32) -> Result<PathBuf, DiskError> {
        let path = self.templates.join(format!("{size_mib}MiB.ext4"));
        let _making = self.making_template.lock().await;
        if !path.exists() {
            private_dir(&self.templates)?;
            let unfinished = files::unfinished(&path);
            make_ext4(&unfinished, size_mib).await?;
            std::fs::rename(&unfinished, &path).map_err(at(&path))?;
        }
        Ok(path)
    }
}

async fn try_disk(folder: &Path) -> Result<(), DiskError> {
    remove_tree(folder).await?;
    let (file, point) = (folder.join("g1.ext4"), folder.join("g1"));
    private_dir(&point)?;
    make_ext4(&file, PROBE_MIB).await?;
    mount(&file, &point).await
}

async fn make_ext4(path: &Path, size_mib: u32) -> Result<(), DiskError> {
    let file = files::create_private(path).map_err(at(path))?;
    file.set_len(u64::from(size_mib) << 20).map_err(at(path))?;
    drop(file);
    let path = path.to_string_lossy();
    let owner = format!("root_owner={SEAT_UID}:{SEAT_UID}");
    command::run(
        "mkfs.ext4",
        &["-q", "-F", "-m", "0", "-J", "size=8", "-E", &owner, &path],
    )
    .await?;
    // It belongs to root, and learners would wonder.
    command::run("debugfs", &["-w", "-R", "rmdir lost+found", &path]).await?;
    Ok(())
}

async fn copy_template(template: &Path, file: &Path) -> Result<(), DiskError> {
    let (from, to) = (template.to_owned(), file.to_owned());
    tokio::task::spawn_blocking(move || files::copy_sparse(&from, &to))
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(at(file))
}

async fn mount(file: &Path, point: &Path) -> Result<(), DiskError> {
    let (file, point) = (file.to_string_lossy(), point.to_string_lossy());
    command::run("mount", &["-o", MOUNT_OPTIONS, &file, &point]).await?;
    Ok(())
}

/// A folder is a mount point when it lies on another device than its parent.
fn is_mounted(point: &Path) -> Result<bool, DiskError> {
    let device = |path: &Path| path.metadata().map(|meta| meta.dev()).map_err(at(path));
    Ok(device(point)? != device(point.parent().unwrap_or(point))?)
}

/// Unmounts what is mounted below a folder, frees its loop devices and removes it.
async fn remove_tree(folder: &Path) -> Result<(), DiskError> {
    detach_below(folder).await?;
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

/// Unmounts what is mounted at or below a path, and frees its loop devices.
async fn detach_below(path: &Path) -> Result<(), DiskError> {
    if !path.exists() {
        return Ok(());
    }
    for point in files::mounts_below(path).map_err(at(path))? {
        // Lazily: the seat is dead, but a container that starts just now may hold a copy of the mount.
        command::run("umount", &["--lazy", &point.to_string_lossy()]).await?;
    }
    for device in files::loop_devices_below(path) {
        // Usually the kernel freed it with the mount, and then it is no loop device any more.
        let _ = command::run("losetup", &["--detach", &device.to_string_lossy()]).await;
    }
    Ok(())
}

fn private_dir(path: &Path) -> Result<(), DiskError> {
    files::private_dir(path).map_err(at(path))
}

/// A folder without a limit, for hosts without loop devices.
fn plain_folder(path: &Path) -> Result<(), DiskError> {
    private_dir(path)?;
    let owned = std::os::unix::fs::chown(path, Some(SEAT_UID), Some(SEAT_UID));
    // Without the right to give it away it is everyone's, below a folder that is ours alone.
    let mode = if owned.is_ok() { 0o755 } else { 0o777 };
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> DiskError {
    move |source| DiskError::Io {
        path: path.to_owned(),
        source,
    }
}

fn disk_error(operation: &'static str, seat: &SeatKey, error: &DiskError) -> ProviderError {
    ProviderError::Disk {
        operation,
        seat: *seat,
        detail: error.to_string(),
    }
}

//! A full disk: silence, red health, and recovery when space returns.

use crate::caller::Caller;
use crate::house::{House, skip};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of our own, unmounted on drop. `None` without root.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(at).output().ok()?;
        done.status.success().then(|| Self(at.to_owned()))
    }

    fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).expect("a file");
        let (large, small) = (vec![1_u8; 1 << 16], vec![1_u8; 1 << 9]);
        while ballast.write_all(&large).is_ok() {}
        while ballast.write_all(&small).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_silence_and_red_until_space_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk")) else {
        skip("a full disk: needs root to mount a small file system");
        return;
    };
    let data = disk.0.join("data");
    let house = House::up_in(&data, &[]);
    let caller = Caller::of(&house);
    let health = Caller::to(&data.join("ca.pem"), house.admin_port, None);
    let token = house.token("nurse");
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&token)).await.status, 200);
    disk.fill();

    let mut silent = false;
    for _ in 0..20_000 {
        match caller.try_get("/fhir/Patient/p001", Some(&token)).await {
            Some(answer) => {
                // Until the reserve is used up, each answer still has its record.
                assert_eq!(answer.status, 200);
            }
            None => {
                silent = true;
                break;
            }
        }
    }
    assert!(silent, "the book could not grow, so there is no answer");
    let word = health.get("/readyz", None).await;
    assert_eq!((word.status, &word.body[..]), (503, &b"red\n"[..]));

    disk.empty();
    let mut recovered = None;
    for _ in 0..2_000 {
        if let Some(answer) = caller.try_get("/fhir/Patient/p001", Some(&token)).await {
            recovered = Some(answer);
            break;
        }
        tokio::task::yield_now().await;
    }
    let answer = recovered.expect("recovery without a restart");
    assert_eq!(answer.status, 200);
    assert_eq!(health.get("/readyz", None).await.status, 200);
    assert_eq!(house.record_of(answer.trace())["status"], 200);
    assert!(house.verify().status.success());
}

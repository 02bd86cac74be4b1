#!/usr/bin/env bash
# After a power failure btrfs may show a renamed file under both of its names.
# Expected: rename(2) is atomic, so that after a crash the file has the old name or the new one; on ext4 and XFS it does, and they make the
# whole rename durable when one of the two directories is synced.
# Seen with Linux 6.18 (btrfs-progs 6.2 of Debian 12): a file is renamed from one directory to another, and the directory with the new name is
# synced. If the power fails then, both names are there after the next mount: one file with two links, although nobody has made a hard
# link. Syncing the other directory too, before the failure, removes the old name. So a program that takes the absence of the old name as a
# sign that its rename is complete, or that lists a directory of pending work, finds the same file in both places.
# Needs root and loop devices. A power failure is a copy of the mounted disk that is mounted afterwards.
set -euo pipefail
shopt -s inherit_errexit
work=$(mktemp -d)
end() {
    umount "$work/mounted" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
mkdir "$work/packages" "$work/tools" "$work/mounted"
(
    cd "$work/packages"
    apt-get download -qq btrfs-progs=6.2-1+deb12u2 xfsprogs=6.1.0-1 libinih1=55-1 liburcu8=0.13.2-1 liblzo2-2=2.10-2 >/dev/null 2>&1
    for package in *.deb; do dpkg-deb -x "$package" "$work/tools"; done
)
export LD_LIBRARY_PATH="$work/tools/usr/lib/$(uname -m)-linux-gnu:$work/tools/lib/$(uname -m)-linux-gnu"
tool() { "$(find "$work/tools" -path "*/$1" | head -1)" "${@:2}" >/dev/null 2>&1; }

# Makes a disk, renames old/file to new/file, syncs these directories, and says what is there after a power failure.
names_after() {
    local system=$1 disk copy
    shift
    # Fresh names: a loop device may be released only some time after the disk is unmounted.
    disk=$(mktemp "$work/disk.XXXXXX")
    copy=$(mktemp "$work/copy.XXXXXX")
    truncate -s 320M "$disk"
    case $system in
        ext4) mkfs.ext4 -q "$disk" ;;
        xfs) tool sbin/mkfs.xfs -q "$disk" ;;
        btrfs) tool sbin/mkfs.btrfs -q "$disk" ;;
    esac
    mount -o loop "$disk" "$work/mounted"
    mkdir "$work/mounted/old" "$work/mounted/new"
    echo content >"$work/mounted/old/file"
    sync -f "$work/mounted"
    mv "$work/mounted/old/file" "$work/mounted/new/file"
    for directory in "$@"; do sync "$work/mounted/$directory"; done
    cp --sparse=always "$disk" "$copy"
    umount "$work/mounted"
    rm "$disk"
    mount -o loop "$copy" "$work/mounted"
    (cd "$work/mounted" && find old new -type f -printf '%p (%n links) ' | sort)
    umount "$work/mounted"
    rm "$copy"
}

found="ext4, new directory synced: $(names_after ext4 new)
xfs, new directory synced: $(names_after xfs new)
btrfs, new directory synced: $(names_after btrfs new)
btrfs, both directories synced: $(names_after btrfs new old)"
uname -r
echo "$found"
expected='ext4, new directory synced: new/file (1 links) 
xfs, new directory synced: new/file (1 links) 
btrfs, new directory synced: old/file (2 links) new/file (2 links) 
btrfs, both directories synced: new/file (1 links) '
if [ "$found" = "$expected" ]; then
    exit 0
fi
echo "the behaviour has changed"
exit 1

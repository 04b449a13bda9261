#include "db/files/file_system.h"

#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {

TEST_CASE("folders on local file systems are taken, and one that is not there is no network's") {
  tests::TempFolder folder;
  for (const std::filesystem::path& local : {folder.path(), std::filesystem::path("/proc")}) {
    CHECK_FALSE(network_file_system(local));
    CHECK_NOTHROW(refuse_network_file_system(local));
  }
  CHECK_FALSE(network_file_system(folder / "none"));
}

// Where this machine has a network file system mounted, it must be recognised by its name.
TEST_CASE("a network file system is refused with the mend") {
  std::ifstream mounts("/proc/mounts");
  for (std::string device, folder, type, rest; mounts >> device >> folder >> type;) {
    std::getline(mounts, rest);
    bool network = type.starts_with("nfs") || type == "cifs" || type.starts_with("fuse.");
    if (!network || !std::filesystem::is_directory(folder)) continue;
    INFO(folder << " is " << type);
    CHECK(network_file_system(folder));
    CHECK_THAT(tests::message_of([&] { refuse_network_file_system(folder); }),
               has_text(folder) && has_text("--dir"));
  }
}

TEST_CASE("file systems of several machines are known by their numbers, FUSE by its program") {
  for (auto [magic, name] :
       std::vector<std::pair<unsigned long, std::string>>{{0x6969, "NFS"},
                                                          {0x517B, "SMB"},
                                                          {0xFF534D42, "CIFS"},
                                                          {0xFE534D42, "SMB2"},
                                                          {0x01021997, "9p"},
                                                          {0x00C36400, "Ceph"},
                                                          {0x5346414F, "AFS"},
                                                          {0x6B414653, "AFS"},
                                                          {0x01161970, "GFS2"},
                                                          {0x7461636F, "OCFS2"},
                                                          {0xAAD7AAEA, "PanFS"},
                                                          {0x0BD00BD0, "Lustre"},
                                                          {0x47504653, "GPFS"},
                                                          {0x19830326, "BeeGFS"}})
    CHECK(network_name(magic, "") == name);
  // ext4, xfs, btrfs, tmpfs, overlayfs, zfs.
  for (unsigned long local :
       {0xEF53UL, 0x58465342UL, 0x9123683EUL, 0x01021994UL, 0x794C7630UL, 0x2FC12FC1UL})
    CHECK_FALSE(network_name(local, ""));
  for (const char* local : {"fuseblk", "fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.mergerfs"})
    CHECK_FALSE(network_name(0x65735546, local));
  for (const char* remote :
       {"fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.rclone", "virtiofs", "fuse", ""})
    CHECK_THAT(network_name(0x65735546, remote).value_or(""), has_text(remote));
}

TEST_CASE("the type of a mounted file system stands behind the dash, the last mount counts") {
  const std::string mounts =
      "22 27 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
      "36 35 0:52 / /home/u/far rw,nosuid,nodev shared:1 master:2 - fuse.sshfs host:/ "
      "rw,user_id=0\n"
      "40 35 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"
      "41 35 8:1 / /over rw - fuseblk /dev/sda1 rw\n";
  CHECK(mounted_type(mounts, "0:52") == "fuse.sshfs");
  CHECK(mounted_type(mounts, "8:1") == "fuseblk");
  CHECK(mounted_type(mounts, "0:5").empty());
  CHECK(mounted_type("", "0:5").empty());
}

TEST_CASE("a disk is short of what no disk has, and not of a byte") {
  tests::TempFolder folder;
  CHECK(disk_shortage(folder.path(), 1).empty());
  CHECK_THAT(disk_shortage(folder.path(), 1e18),
             has_text(folder.path().string()) && has_text("1000000000.00 GB are needed"));
  CHECK(disk_shortage(folder / "none", 1e18).empty());
}

}  // namespace crosslaw::db

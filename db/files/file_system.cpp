#include "db/files/file_system.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "db/files/read_file.h"

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

// Magic numbers of statfs(2) and of the file systems' own sources. Of those that several machines
// share, cluster file systems included, each machine sees the write-ahead log's index on its own.
constexpr std::array<std::pair<unsigned long, const char*>, 20> kNetworkFileSystems = {{
    {0x6969, "NFS"},
    {0x517B, "SMB"},
    {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB2"},
    {0x01021997, "9p"},
    {0x00C36400, "Ceph"},
    {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},
    {0x73757245, "Coda"},
    {0x564C, "NCP"},
    {0x01161970, "GFS2"},
    {0x7461636F, "OCFS2"},
    {0xAAD7AAEA, "PanFS"},
    {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"},
    {0x20030528, "OrangeFS"},
    {0xBACBACBC, "VMware's shared folders"},
    {0x786F4256, "VirtualBox's shared folders"},
    {0xBEEFDEAD, "StorNext"},
}};
constexpr unsigned long kFuse = 0x65735546;

// Programs that show a disk or another folder of this machine.
constexpr std::array<std::string_view, 20> kLocalFuse = {
    "fuseblk",         "fuse.fuse-overlayfs", "fuse.ntfs-3g",  "fuse.ntfs",     "fuse.exfat",
    "fuse.exfat-fuse", "fuse.mergerfs",       "fuse.bindfs",   "fuse.unionfs",  "fuse.unionfs-fuse",
    "fuse.gocryptfs",  "fuse.encfs",          "fuse.securefs", "fuse.cryfs",    "fuse.ext2",
    "fuse.fuse-ext2",  "fuse.ext4",           "fuse.bcachefs", "fuse.zfs-fuse", "fuse.fuse2fs"};

std::string device_of(const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return "";
  return fmt::format("{}:{}", major(status.st_dev), minor(status.st_dev));
}

}  // namespace

std::optional<std::string> network_name(unsigned long magic, const std::string& type) {
  for (const auto& [number, name] : kNetworkFileSystems) {
    if (magic == number) return name;
  }
  if (magic != kFuse || std::find(kLocalFuse.begin(), kLocalFuse.end(), type) != kLocalFuse.end())
    return std::nullopt;
  return fmt::format("a file system of FUSE ({})", type.empty() ? "of unknown type" : type);
}

std::string mounted_type(const std::string& mountinfo, const std::string& device) {
  // "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw" (proc(5)); a later line covers an
  // earlier one.
  std::string type;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, word;
    fields >> id >> parent >> number;
    if (number != device) continue;
    while (fields >> word && word != "-") {
    }
    fields >> type;
  }
  return type;
}

std::optional<std::string> network_file_system(const fs::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return std::nullopt;
  const auto magic = static_cast<unsigned long>(status.f_type) & 0xFFFFFFFF;
  if (magic != kFuse) return network_name(magic, "");
  const std::string text = read_file("/proc/self/mountinfo").value_or("");
  return network_name(magic, mounted_type(text, device_of(folder)));
}

void refuse_network_file_system(const fs::path& folder) {
  if (auto name = network_file_system(folder)) {
    throw std::invalid_argument(
        fmt::format("{}: lies on {}, where SQLite cannot keep the sweep's database safe; choose a "
                    "local folder with --dir",
                    folder.string(), *name));
  }
}

std::string disk_shortage(const fs::path& folder, double bytes) {
  std::error_code error;
  const auto there = static_cast<double>(fs::space(folder, error).available);
  // A file system that does not tell is given the benefit of the doubt: writing will say.
  if (error || there >= bytes) return "";
  return fmt::format(
      "{}: {:.2f} GB are needed and {:.2f} GB are free on its disk; free some, or choose another "
      "folder with --dir",
      folder.string(), bytes / 1e9, there / 1e9);
}

}  // namespace crosslaw::db

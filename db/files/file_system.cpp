#include "db/files/file_system.h"

#include <fmt/format.h>
#include <sys/vfs.h>

#include <array>
#include <stdexcept>

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

// Magic numbers of statfs(2) and of the file systems' own sources.
constexpr std::array<std::pair<unsigned long, const char*>, 7> kNetworkFileSystems = {{
    {0x6969, "NFS"},
    {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB2"},
    {0x65735546, "FUSE"},
    {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"},
}};

}  // namespace

std::optional<std::string> network_file_system(const fs::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return std::nullopt;
  for (auto [magic, name] : kNetworkFileSystems) {
    if (static_cast<unsigned long>(status.f_type) == magic) return name;
  }
  return std::nullopt;
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

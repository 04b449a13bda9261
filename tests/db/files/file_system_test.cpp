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

TEST_CASE("a disk is short of what no disk has, and not of a byte") {
  tests::TempFolder folder;
  CHECK(disk_shortage(folder.path(), 1).empty());
  CHECK_THAT(disk_shortage(folder.path(), 1e18),
             has_text(folder.path().string()) && has_text("1000000000.00 GB are needed"));
  CHECK(disk_shortage(folder / "none", 1e18).empty());
}

}  // namespace crosslaw::db

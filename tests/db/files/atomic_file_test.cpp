#include "db/files/atomic_file.h"

#include <sys/resource.h>

#include <csignal>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {
using tests::message_of;
using tests::TempFolder;
}  // namespace

TEST_CASE("a published file replaces the old one and leaves nothing beside it") {
  TempFolder folder;
  publish_file(folder / "a", "old");
  publish_file(folder / "a", "new");
  CHECK(tests::read_file(folder / "a") == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

// A file size limit stands in for a full disk: the write fails half-way.
TEST_CASE("when the disk is full the old file stays and the message says why") {
  TempFolder folder;
  publish_file(folder / "a", "old");
  struct rlimit before {
  }, small{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  small = {1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message = message_of([&] { publish_file(folder / "a", std::string(100'000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(message, Catch::Contains("writing failed: File too large"));
  CHECK(tests::read_file(folder / "a") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a folder that cannot be written is named") {
  CHECK_THAT(message_of([] { publish_file("/proc/crosslaw/none", "x"); }),
             Catch::Contains("/proc/crosslaw/none.tmp: creating failed"));
}

TEST_CASE("a folder appears under its final name with all its files") {
  TempFolder folder;
  folder.write("c.tmp/one", "1");
  publish_folder(folder / "c.tmp", folder / "c");
  CHECK(tests::read_file(folder / "c/one") == "1");
  CHECK_FALSE(std::filesystem::exists(folder / "c.tmp"));
}

}  // namespace crosslaw::db

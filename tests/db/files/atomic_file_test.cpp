#include "db/files/atomic_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
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
  std::string message;
  {
    tests::FullDisk disk(1000);
    message = message_of([&] { publish_file(folder / "a", std::string(100'000, 'x')); });
  }
  CHECK_THAT(message, has_text("writing failed: File too large"));
  CHECK(tests::read_file(folder / "a") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a link where content is staged does not lead it into another file") {
  tests::TempFolder folder;
  folder.write("victim", "precious");
  std::filesystem::create_symlink(folder / "victim", staging_path(folder / "a.json"));
  publish_file(folder / "a.json", "content");
  CHECK(tests::read_file(folder / "a.json") == "content");
  CHECK(tests::read_file(folder / "victim") == "precious");
  // Nor does one in the place of the file itself.
  std::filesystem::create_symlink(folder / "victim", folder / "b.json");
  publish_file(folder / "b.json", "content");
  CHECK(tests::read_file(folder / "victim") == "precious");
}

TEST_CASE("a folder that cannot be written is named") {
  CHECK_THAT(message_of([] { publish_file("/proc/crosslaw/none", "x"); }),
             has_text("/proc/crosslaw/none.tmp: creating failed"));
}

TEST_CASE("a folder appears under its final name with all its files") {
  TempFolder folder;
  folder.write("c.tmp/one", "1");
  publish_folder(folder / "c.tmp", folder / "c");
  CHECK(tests::read_file(folder / "c/one") == "1");
  CHECK_FALSE(std::filesystem::exists(folder / "c.tmp"));
}

namespace {

std::vector<std::string> names_in(const TempFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("what cannot be put in place leaves nothing beside it") {
  TempFolder folder;
  folder.write("taken/x", "1");
  CHECK_THAT(message_of([&] { publish_file(folder / "taken", "content"); }),
             has_text("taken: renaming into place failed: Is a directory"));
  CHECK(names_in(folder) == std::vector<std::string>{"taken"});
  CHECK(tests::read_file(folder / "taken/x") == "1");
  std::filesystem::create_directory(folder / "b.tmp");
  CHECK_THAT(message_of([&] { publish_file(folder / "b", "content"); }),
             has_text("b.tmp: creating failed"));
  CHECK_FALSE(std::filesystem::exists(folder / "b"));
}

TEST_CASE("any content comes back, and what a crash left staged is no hindrance") {
  TempFolder folder;
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 31 % 256);
  for (const std::string& content : {std::string(), std::string("\0", 1), bytes}) {
    folder.write("a.tmp", "half of some");
    publish_file(folder / "a", content);
    CHECK(tests::read_file(folder / "a") == content);
    CHECK(names_in(folder) == std::vector<std::string>{"a"});
  }
  // A name without a folder lies in the current one.
  auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  publish_file("plain", "here");
  std::filesystem::current_path(before);
  CHECK(tests::read_file(folder / "plain") == "here");
}

TEST_CASE("who reads while a file is published sees the old one or the new one, never a part") {
  TempFolder folder;
  publish_file(folder / "a", std::string(200'000, 'a'));
  pid_t writer = fork();
  if (writer == 0) {
    for (char letter = 'b';; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1))
      publish_file(folder / "a", std::string(200'000, letter));
  }
  std::string seen;
  for (int i = 0; i < 200; ++i) {
    std::string content = tests::read_file(folder / "a");
    REQUIRE(content == std::string(200'000, content.front()));
    if (seen.find(content.front()) == std::string::npos) seen += content.front();
  }
  // Killed between any two steps: the last published content is there, whole.
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  std::string last = tests::read_file(folder / "a");
  CHECK(last == std::string(200'000, last.front()));
  CHECK(seen.size() > 1);
}

TEST_CASE("a folder is not published over one that holds something") {
  TempFolder folder;
  folder.write("c/old", "1");
  folder.write("c.tmp/new", "2");
  CHECK_THAT(message_of([&] { publish_folder(folder / "c.tmp", folder / "c"); }),
             has_text("c: renaming into place failed"));
  CHECK(tests::read_file(folder / "c/old") == "1");
  CHECK_FALSE(std::filesystem::exists(folder / "c/new"));
  CHECK_THAT(message_of([&] { publish_staged(folder / "none.tmp", folder / "none"); }),
             has_text("none.tmp: opening for sync failed: No such file"));
}

}  // namespace crosslaw::db

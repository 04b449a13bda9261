#include "db/files/read_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {

TEST_CASE("a file is read whole, its zero bytes included, and an empty one is no missing one") {
  tests::TempFolder folder;
  const std::string bytes{"a\0b\r\n", 5};
  CHECK(read_file(folder.write("bytes", bytes)) == bytes);
  CHECK(read_file(folder.write("empty", "")) == "");
  CHECK_FALSE(read_file(folder / "none"));
}

TEST_CASE("a folder and what cannot be read to its end are nothing") {
  tests::TempFolder folder;
  CHECK_FALSE(read_file(folder.path()));
  CHECK_FALSE(read_file("/proc/self/mem"));
}

TEST_CASE("a process that ends while its files are read is nothing, never an exception") {
  std::atomic<bool> done = false;
  std::atomic<pid_t> newest = getpid();
  std::thread born_and_gone([&] {
    for (int i = 0; i < 300; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      newest = child;
      waitpid(child, nullptr, 0);
    }
    done = true;
  });
  while (!done) {
    for (const char* name : {"stat", "cmdline"})
      CHECK_NOTHROW(read_file("/proc/" + std::to_string(newest) + "/" + name));
  }
  born_and_gone.join();
}

}  // namespace crosslaw::db

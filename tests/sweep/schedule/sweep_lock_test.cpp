#include "sweep/schedule/sweep_lock.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {

TEST_CASE("a second process is kept out and told who holds the sweep") {
  tests::TempFolder folder;
  auto lock = SweepLock::try_take(folder.path());
  REQUIRE(lock);
  CHECK_FALSE(SweepLock::try_take(folder.path()));
  CHECK_THAT(SweepLock::holder(folder.path()), has_text("process " + std::to_string(getpid())));
}

TEST_CASE("the lock is free once its holder is gone, even killed, and a child does not keep it") {
  tests::TempFolder folder;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  pid_t holder = fork();
  if (holder == 0) {
    auto lock = SweepLock::try_take(folder.path());
    int executed[2];
    if (pipe2(executed, O_CLOEXEC) != 0) _exit(1);
    if (fork() == 0) {  // exec drops the lock, as it does for trainers
      execl("/bin/sleep", "sleep", "5", nullptr);
      _exit(127);
    }
    close(executed[1]);
    char none = 0;
    (void)!read(executed[0], &none, 1);  // ends when exec has closed the child's end
    (void)!write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK_FALSE(SweepLock::try_take(folder.path()));
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  CHECK(SweepLock::try_take(folder.path()));
}

TEST_CASE("looking takes nothing: a sweep can be begun at any moment of it") {
  tests::TempFolder folder;
  CHECK_FALSE(SweepLock::is_held(folder.path()));
  CHECK_FALSE(std::filesystem::exists(folder / "lock"));  // and writes nothing
  std::vector<pid_t> lookers;
  for (int i = 0; i < 2; ++i) {
    lookers.push_back(fork());
    if (lookers.back() == 0) {
      for (;;) (void)SweepLock::is_held(folder.path());
    }
  }
  for (int turn = 0; turn < 200; ++turn) {
    auto lock = SweepLock::try_take(folder.path());
    REQUIRE(lock);
  }
  for (pid_t looker : lookers) kill(looker, SIGKILL), waitpid(looker, nullptr, 0);
  const auto lock = SweepLock::try_take(folder.path());
  CHECK(SweepLock::is_held(folder.path()));
}

TEST_CASE("a link in the place of the lock lets nobody write into another file") {
  tests::TempFolder folder;
  folder.write("victim", "precious");
  std::filesystem::create_symlink(folder / "victim", folder / "lock");
  CHECK_THAT(tests::message_of([&] { SweepLock::try_take(folder.path()); }),
             has_text("lock: cannot be written"));
  CHECK(tests::read_file(folder / "victim") == "precious");
}

TEST_CASE("an unwritable folder is named with the mend") {
  CHECK_THAT(tests::message_of([] { SweepLock::try_take("/proc"); }),
             has_text("/proc/lock: cannot be written") && has_text("--dir"));
}

}  // namespace crosslaw::sweep

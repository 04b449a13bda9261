#include "sweep/launch/trainer_nest.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "sweep/launch/local_launcher.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using namespace std::chrono_literals;

LaunchRequest request(const tests::TempFolder& folder, int64_t id, const std::string& order) {
  std::string name = "config-" + std::to_string(id);
  return {id, folder.write(name, order), folder / (name + ".log"), Slot{}};
}

ProcessExit end_of(LocalLauncher& launcher) {
  for (int i = 0; i < 200; ++i) {
    auto exits = launcher.wait(50ms);
    if (!exits.empty()) return exits.at(0);
  }
  FAIL("nothing ended");
  return {};
}

// Processes whose program is the nest's and that are no attempt.
std::vector<pid_t> nests() {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string text = tests::read_file(entry.path() / "cmdline");
    if (text.find("tests_small_nest") != std::string::npos &&
        text.find("--nest") != std::string::npos)
      found.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return found;
}

}  // namespace

TEST_CASE("a nest's runs end with their own code or signal, and their output goes to their logs") {
  tests::TempFolder folder;
  LocalLauncher launcher(SMALL_NEST);
  launcher.start(request(folder, 1, "exit 3"));
  CHECK(end_of(launcher).code == 3);
  launcher.start(request(folder, 2, "crash"));
  CHECK(end_of(launcher).signal == SIGABRT);
  launcher.start(request(folder, 3, "exit 75"));
  CHECK(end_of(launcher).code == 75);
  CHECK(tests::read_file(folder / "config-2.log") == "doing crash\n");
  CHECK(nests().size() == 1);
}

TEST_CASE("a nest's run can be found by its config, stopped, and has a session of its own") {
  tests::TempFolder folder;
  LocalLauncher launcher(SMALL_NEST);
  auto process = launcher.start(request(folder, 1, "wait"));
  REQUIRE(process);
  auto found = find_process_with_argument((folder / "config-1").string());
  REQUIRE(found);
  CHECK(found->pid == process->pid);
  CHECK(found->start_ticks == process->start_ticks);
  CHECK(process->start_ticks > 0);
  while (tests::read_file(folder / "config-1.log").empty()) std::this_thread::sleep_for(2ms);
  CHECK(getsid(static_cast<pid_t>(process->pid)) == process->pid);
  launcher.stop(1, false);
  CHECK(end_of(launcher).signal == SIGTERM);
}

TEST_CASE("runs outlive launcher and nest, and the next launcher adopts them") {
  tests::TempFolder folder;
  int64_t pid = 0;
  {
    LocalLauncher first(SMALL_NEST);
    pid = first.start(request(folder, 1, "wait"))->pid;
  }
  CHECK(nests().empty());
  LocalLauncher second(SMALL_NEST);
  auto adopted = second.adopt(7, folder / "config-1");
  REQUIRE(adopted);
  CHECK(adopted->pid == pid);
  folder.write("config-1.end", "");
  CHECK(end_of(second).attempt_id == 7);
  waitpid(static_cast<pid_t>(pid), nullptr, 0);
}

TEST_CASE("a nest that is killed takes no run with it, and the next runs are started without it") {
  tests::TempFolder folder;
  LocalLauncher launcher(SMALL_NEST);
  launcher.start(request(folder, 1, "wait"));
  REQUIRE(nests().size() == 1);
  kill(nests().at(0), SIGKILL);
  auto alone = launcher.start(request(folder, 2, "exit 5"));
  REQUIRE(alone);
  CHECK(end_of(launcher).code == 5);
  CHECK(nests().empty());
  folder.write("config-1.end", "");
  CHECK(end_of(launcher).code == 0);
}

TEST_CASE("a launcher that is killed leaves its runs and no nest") {
  tests::TempFolder folder;
  const pid_t launcher = fork();
  if (launcher == 0) {
    LocalLauncher doomed(SMALL_NEST);
    doomed.start(request(folder, 1, "wait"));
    kill(getpid(), SIGKILL);
  }
  waitpid(launcher, nullptr, 0);
  for (int i = 0; i < 500 && !nests().empty(); ++i) std::this_thread::sleep_for(2ms);
  CHECK(nests().empty());
  LocalLauncher next(SMALL_NEST);
  CHECK(next.adopt(1, folder / "config-1"));
  folder.write("config-1.end", "");
  CHECK(end_of(next).attempt_id == 1);
}

TEST_CASE("a nest's run is pinned to the processors of its slot, the nest is not") {
  tests::TempFolder folder;
  LocalLauncher launcher(SMALL_NEST);
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int64_t id = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    LaunchRequest r = request(folder, ++id, "processor");
    r.slot.cpus = {cpu};
    launcher.start(r);
    end_of(launcher);
    CHECK(tests::read_file(r.log_file) == "doing processor\n" + std::to_string(cpu) + "\n");
  }
}

TEST_CASE("many runs of one nest at a time are told apart") {
  tests::TempFolder folder;
  LocalLauncher launcher(SMALL_NEST);
  for (int64_t id = 0; id < 20; ++id)
    launcher.start(request(folder, id, "exit " + std::to_string(id)));
  for (int i = 0; i < 20; ++i) {
    // One may report several; the rest is told by the next calls.
    for (const ProcessExit& exit : launcher.wait(1000ms)) CHECK(exit.code == exit.attempt_id);
  }
  CHECK(launcher.wait(0ms).empty());
}

}  // namespace crosslaw::sweep

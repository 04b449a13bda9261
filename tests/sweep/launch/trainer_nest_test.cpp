#include "sweep/launch/trainer_nest.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iterator>
#include <set>
#include <thread>

#include "sweep/launch/local_launcher.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using namespace std::chrono_literals;

LaunchRequest nest_request(const tests::TempFolder& folder, int64_t id, const std::string& order) {
  std::string name = "config-" + std::to_string(id);
  return {id, "token", "run", folder.write(name, order), folder / (name + ".log"), {}};
}

LocalOptions options(std::size_t slots = 2) { return {SMALL_NEST, std::vector<Slot>(slots)}; }

LaunchPlace begin(LocalLauncher& launcher, const LaunchRequest& request) {
  LaunchPlace committed;
  REQUIRE(launcher.start(request, [&](const LaunchPlace& place) { committed = place; }));
  return committed;
}

std::vector<AttemptState> nest_gone(LocalLauncher& launcher, std::chrono::milliseconds patience) {
  auto states = launcher.states(patience);
  std::erase_if(states, [](const AttemptState& s) { return s.where != Whereabouts::kGone; });
  return states;
}

AttemptState end_of(LocalLauncher& launcher) {
  for (int i = 0; i < 1200; ++i) {
    auto ended = nest_gone(launcher, 50ms);
    if (!ended.empty()) return ended.at(0);
  }
  FAIL("nothing ended");
  return {};
}

void adopt(LocalLauncher& launcher, const LaunchRequest& request, const LaunchPlace& place) {
  EarlierAttempt attempt;
  attempt.request = request;
  attempt.place = place;
  launcher.adopt({attempt});
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
  LocalLauncher launcher(options());
  begin(launcher, nest_request(folder, 1, "exit 3"));
  CHECK(end_of(launcher).code == 3);
  begin(launcher, nest_request(folder, 2, "crash"));
  CHECK(end_of(launcher).signal == SIGABRT);
  begin(launcher, nest_request(folder, 3, "exit 75"));
  CHECK(end_of(launcher).code == 75);
  CHECK(tests::read_file(folder / "config-2.log") == "doing crash\n");
  CHECK(nests().size() == 1);
}

TEST_CASE("a nest's run can be found by its config, stopped, and has a session of its own") {
  tests::TempFolder folder;
  LocalLauncher launcher(options());
  const LaunchPlace place = begin(launcher, nest_request(folder, 1, "wait"));
  const auto found = find_trainer(SMALL_NEST, folder / "config-1");
  REQUIRE(found);
  CHECK(found->pid == place.pid);
  CHECK(found->start_ticks == place.start_ticks);
  CHECK(place.start_ticks > 0);
  // By its program: whoever only names the file is somebody else.
  CHECK_FALSE(find_trainer("/usr/bin/tail", folder / "config-1"));
  while (tests::read_file(folder / "config-1.log").empty()) std::this_thread::sleep_for(2ms);
  CHECK(getsid(static_cast<pid_t>(*place.pid)) == *place.pid);
  launcher.stop(1, false);
  CHECK(end_of(launcher).signal == SIGTERM);
}

TEST_CASE("runs outlive launcher and nest, and the next launcher adopts them") {
  tests::TempFolder folder;
  const LaunchRequest run = nest_request(folder, 1, "wait");
  // With and without what the store knows: it may have been lost.
  for (const bool known : {true, false}) {
    LaunchPlace place;
    {
      LocalLauncher first(options());
      place = begin(first, run);
    }
    CHECK(nests().empty());
    LocalLauncher second(options());
    adopt(second, run, known ? place : LaunchPlace{});
    CHECK(nest_gone(second, 10ms).empty());
    folder.write("config-1.end", "");
    CHECK(end_of(second).attempt_id == 1);
    waitpid(static_cast<pid_t>(*place.pid), nullptr, 0);
    std::filesystem::remove(folder / "config-1.end");
  }
}

TEST_CASE("a nest that is killed takes no run with it, and the next runs are started without it") {
  tests::TempFolder folder;
  LocalLauncher launcher(options());
  begin(launcher, nest_request(folder, 1, "wait"));
  REQUIRE(nests().size() == 1);
  // Let go, which the nest does for it.
  while (tests::read_file(folder / "config-1.log").empty()) std::this_thread::sleep_for(2ms);
  kill(nests().at(0), SIGKILL);
  begin(launcher, nest_request(folder, 2, "exit 5"));
  CHECK(end_of(launcher).code == 5);
  CHECK(nests().empty());
  folder.write("config-1.end", "");
  CHECK(end_of(launcher).code == 0);
}

TEST_CASE("a launcher that is killed leaves its runs and no nest") {
  tests::TempFolder folder;
  const LaunchRequest run = nest_request(folder, 1, "wait");
  const pid_t launcher = fork();
  if (launcher == 0) {
    LocalLauncher doomed(options());
    begin(doomed, run);
    kill(getpid(), SIGKILL);
  }
  waitpid(launcher, nullptr, 0);
  for (int i = 0; i < 15000 && !nests().empty(); ++i) std::this_thread::sleep_for(2ms);
  CHECK(nests().empty());
  LocalLauncher next(options());
  adopt(next, run, {});
  CHECK(nest_gone(next, 10ms).empty());
  folder.write("config-1.end", "");
  CHECK(end_of(next).attempt_id == 1);
}

TEST_CASE("a nest's run is pinned to the processors of its slot, the nest is not") {
  tests::TempFolder folder;
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int64_t id = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    LaunchRequest r = nest_request(folder, ++id, "processor");
    LocalLauncher launcher({SMALL_NEST, {{"", {cpu}}}});
    begin(launcher, r);
    end_of(launcher);
    CHECK(tests::read_file(r.log_file) == "doing processor\n" + std::to_string(cpu) + "\n");
  }
}

TEST_CASE("many runs of one nest at a time are told apart") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(20));
  for (int64_t id = 0; id < 20; ++id)
    begin(launcher, nest_request(folder, id, "exit " + std::to_string(id)));
  std::set<int64_t> told;
  for (int i = 0; i < 20; ++i) {
    // One may report several; the rest is told by the next calls.
    for (const AttemptState& end : nest_gone(launcher, 1000ms)) {
      CHECK(end.code == end.attempt_id);
      CHECK(told.insert(end.attempt_id).second);
    }
  }
  CHECK(told.size() == 20);
  CHECK(nest_gone(launcher, 0ms).empty());
}

}  // namespace crosslaw::sweep

#include "sweep/launch/local_launcher.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using namespace std::chrono_literals;

// A program that does what its "config" says. Written once: a process of an earlier launcher may
// not have begun to read it.
std::filesystem::path obedient_program(const tests::TempFolder& folder) {
  if (std::filesystem::exists(folder / "program")) return folder / "program";
  auto file = folder.write("program", "#!/bin/sh\n. \"$1\"\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  return file;
}

LaunchRequest request(const tests::TempFolder& folder, int64_t id, const std::string& script) {
  std::string name = "config-" + std::to_string(id);
  return {id, "token", "run", folder.write(name, script), folder / (name + ".log"), {}};
}

LocalOptions options(const tests::TempFolder& folder, std::vector<Slot> slots = {{}, {}}) {
  return {obedient_program(folder), std::move(slots)};
}

// The place that was committed; nothing when no slot was free.
std::optional<LaunchPlace> start(LocalLauncher& launcher, const LaunchRequest& request) {
  std::optional<LaunchPlace> committed;
  launcher.start(request, [&](const LaunchPlace& place) { committed = place; });
  return committed;
}

EarlierAttempt earlier(int64_t id, const LaunchPlace& place) {
  EarlierAttempt attempt;
  attempt.request.attempt_id = id;
  attempt.place = place;
  return attempt;
}

std::vector<AttemptState> gone(LocalLauncher& launcher, std::chrono::milliseconds patience = 50ms) {
  auto states = launcher.states(patience);
  std::erase_if(states, [](const AttemptState& s) { return s.where != Whereabouts::kGone; });
  return states;
}

std::vector<AttemptState> wait_for_one(LocalLauncher& launcher) {
  for (int i = 0; i < 1200; ++i) {
    auto ended = gone(launcher);
    if (!ended.empty()) return ended;
  }
  return {};
}

void wait_for_file(const std::filesystem::path& file) {
  while (!std::filesystem::exists(file)) std::this_thread::sleep_for(5ms);
}

}  // namespace

TEST_CASE("exit codes and signals are told apart, output goes to the log") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder));
  start(launcher, request(folder, 1, "echo hello; echo world >&2; exit 3\n"));
  auto exits = wait_for_one(launcher);
  REQUIRE(exits.size() == 1);
  CHECK(exits[0].attempt_id == 1);
  CHECK(exits[0].code == 3);
  CHECK(tests::read_file(folder / "config-1.log") == "hello\nworld\n");
  start(launcher, request(folder, 2, "kill -9 $$\n"));
  exits = wait_for_one(launcher);
  CHECK_FALSE(exits.at(0).code);
  CHECK(exits.at(0).signal == SIGKILL);
}

TEST_CASE("a program that is not there ends at once with code 127") {
  tests::TempFolder folder;
  LocalLauncher launcher({folder / "none", {{}}});
  start(launcher, request(folder, 1, ""));
  CHECK(wait_for_one(launcher).at(0).code == kExitNotFound);
}

TEST_CASE("a process is asked to stop, and ended at once when told so") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder));
  start(launcher,
        request(folder, 1,
                "trap 'exit 75' TERM; touch \"$1.ready\"; while :; do sleep 0.01; done\n"));
  while (!std::filesystem::exists(folder / "config-1.ready")) std::this_thread::sleep_for(5ms);
  launcher.stop(1, false);
  CHECK(wait_for_one(launcher).at(0).code == 75);
  start(launcher, request(folder, 2, "trap '' TERM; while :; do sleep 0.01; done\n"));
  launcher.stop(2, true);
  CHECK(wait_for_one(launcher).at(0).signal == SIGKILL);
}

TEST_CASE("a process outlives its launcher and the next one adopts it by its identity") {
  tests::TempFolder folder;
  std::optional<LaunchPlace> place;
  {
    LocalLauncher first(options(folder));
    place = start(first, request(folder, 1, "while [ ! -e \"$1.end\" ]; do sleep 0.01; done\n"));
  }
  REQUIRE(place);
  LocalLauncher second(options(folder));
  second.adopt({earlier(7, *place)});
  auto states = second.states(0ms);
  REQUIRE(states.size() == 1);
  CHECK(states[0].where == Whereabouts::kRunning);
  CHECK(states[0].place == "process " + std::to_string(*place->pid));
  folder.write("config-1.end", "");
  CHECK(wait_for_one(second).at(0).attempt_id == 7);
  waitpid(static_cast<pid_t>(*place->pid), nullptr, 0);
}

// A number is given away again, and anybody may name our files on a command line.
TEST_CASE("a process that only looks like an attempt is neither adopted nor stopped") {
  tests::TempFolder folder;
  LocalLauncher first(options(folder));
  const auto place = start(first, request(folder, 1, "while :; do sleep 0.01; done\n"));
  REQUIRE(place);
  LaunchPlace later = *place, other_boot = *place, never;
  *later.start_ticks += 1;
  other_boot.boot_id = "11111111-2222-3333-4444-555555555555";
  LocalLauncher second(options(folder));
  second.adopt({earlier(1, later), earlier(2, other_boot), earlier(3, never)});
  CHECK(gone(second, 0ms).size() == 3);
  for (int64_t id : {1, 2, 3}) second.stop(id, true);
  std::this_thread::sleep_for(50ms);
  CHECK(gone(first, 0ms).empty());
  first.stop(1, true);
  CHECK(wait_for_one(first).at(0).signal == SIGKILL);
}

TEST_CASE("a process that ended is gone for the next launcher, also as a zombie") {
  tests::TempFolder folder;
  LocalLauncher first(options(folder));
  const auto place = start(first, request(folder, 1, "exit 0\n"));
  REQUIRE(place);
  siginfo_t ended{};  // WNOWAIT leaves it a zombie
  REQUIRE(waitid(P_PID, static_cast<id_t>(*place->pid), &ended, WEXITED | WNOWAIT) == 0);
  LocalLauncher second(options(folder));
  second.adopt({earlier(1, *place)});
  CHECK(gone(second, 0ms).size() == 1);
  CHECK(wait_for_one(first).size() == 1);
}

// Else a scheduler that is killed at that moment would leave a trainer that nobody knows.
TEST_CASE("before its place is stored a process does nothing, and nothing at all if that fails") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder));
  const LaunchRequest r = request(folder, 1, "touch \"$1.ran\"\n");
  launcher.start(r, [&](const LaunchPlace&) {
    std::this_thread::sleep_for(100ms);
    CHECK_FALSE(std::filesystem::exists(folder / "config-1.ran"));
  });
  wait_for_one(launcher);
  CHECK(std::filesystem::exists(folder / "config-1.ran"));
  const LaunchRequest lost = request(folder, 2, "touch \"$1.ran\"\n");
  const auto full = [](const LaunchPlace&) { throw std::runtime_error("the disk is full"); };
  CHECK_THROWS_WITH(launcher.start(lost, full), "the disk is full");
  CHECK(wait_for_one(launcher).at(0).code == kExitNotLetGo);
  CHECK_FALSE(std::filesystem::exists(folder / "config-2.ran"));
}

TEST_CASE("Ctrl-C at the terminal does not reach a run") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder));
  const auto place =
      start(launcher, request(folder, 1, "touch \"$1.ready\"; while :; do sleep 0.01; done\n"));
  wait_for_file(folder / "config-1.ready");
  CHECK(getsid(static_cast<pid_t>(*place->pid)) == *place->pid);
  launcher.stop(1, true);
  wait_for_one(launcher);
}

TEST_CASE("a GPU is held by the process that uses it, beyond its launcher's end") {
  tests::TempFolder folder;
  const std::string uuid = "GPU-test-" + std::to_string(getpid());
  std::optional<LaunchPlace> place;
  {
    LocalLauncher first(options(folder, {{uuid, {}}}));
    place = start(first,
                  request(folder, 1, "echo $CUDA_VISIBLE_DEVICES; while :; do sleep 0.01; done\n"));
  }
  REQUIRE(place);
  CHECK(place->gpu_uuid == uuid);
  while (tests::read_file(folder / "config-1.log").empty()) std::this_thread::sleep_for(5ms);
  LocalLauncher second(options(folder, {{uuid, {}}}));
  CHECK_FALSE(start(second, request(folder, 2, "exit 0\n")));
  kill(static_cast<pid_t>(*place->pid), SIGKILL);
  waitpid(static_cast<pid_t>(*place->pid), nullptr, 0);
  // The shell's child (sleep) holds the lock for its last moments.
  std::shared_ptr<GpuLock> lock;
  for (int i = 0; i < 3000 && !lock; ++i) {
    lock = GpuLock::try_take(uuid);
    if (!lock) std::this_thread::sleep_for(10ms);
  }
  CHECK(lock);
  CHECK(tests::read_file(folder / "config-1.log") == uuid + "\n");
}

TEST_CASE("a GPU that somebody uses leaves the others to us, and is told of once") {
  tests::TempFolder folder;
  const std::string own = std::to_string(getpid());
  const auto theirs = GpuLock::try_take("GPU-taken-" + own);
  REQUIRE(theirs);
  std::vector<std::string> said;
  LocalOptions two = options(folder, {{"GPU-taken-" + own, {}}, {"GPU-free-" + own, {}}});
  two.say = [&](const std::string& message) { said.push_back(message); };
  LocalLauncher launcher(two);
  for (int64_t id : {1, 2, 3}) {
    const auto place = start(launcher, request(folder, id, "exit 0\n"));
    REQUIRE(place);
    CHECK(place->gpu_uuid == "GPU-free-" + own);
    CHECK_FALSE(launcher.reserve(1));
    wait_for_one(launcher);
  }
  REQUIRE(said.size() == 1);
  CHECK_THAT(said[0], has_text("GPU-taken-" + own + ": another sweep uses it"));
}

TEST_CASE("a GPU on which a foreign program computes is left alone unless sharing is asked for") {
  tests::TempFolder folder;
  const std::string busy = "GPU-busy-" + std::to_string(getpid()),
                    idle = "GPU-idle-" + std::to_string(getpid());
  const auto smi = folder.write("nvidia-smi", "#!/bin/sh\necho '" + busy + ", 4242'\n");
  std::filesystem::permissions(smi, std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  for (const bool share : {false, true}) {
    LocalOptions two = options(folder, {{busy, {}}, {idle, {}}});
    two.share_gpus = share;
    std::string said;
    two.say = [&](const std::string& message) { said += message; };
    LocalLauncher launcher(two);
    const auto place = start(launcher, request(folder, 1, "exit 0\n"));
    CHECK(place.value_or(LaunchPlace{}).gpu_uuid == (share ? busy : idle));
    CHECK((said.find("process 4242 uses it") != std::string::npos) == !share);
    wait_for_one(launcher);
  }
  setenv("PATH", path.c_str(), 1);
}

TEST_CASE("a survivor is adopted on its own GPU, and the others stay free") {
  tests::TempFolder folder;
  const std::string own = std::to_string(getpid());
  const std::vector<Slot> slots = {{"GPU-one-" + own, {}}, {"GPU-two-" + own, {}}};
  std::optional<LaunchPlace> survivor;
  {
    LocalLauncher first(options(folder, slots));
    start(first, request(folder, 1, "exit 0\n"));
    survivor = start(first, request(folder, 2, "while :; do sleep 0.01; done\n"));
    wait_for_one(first);
  }
  REQUIRE(survivor);
  CHECK(survivor->gpu_uuid == slots[1].gpu_uuid);
  LocalLauncher second(options(folder, slots));
  second.adopt({earlier(2, *survivor)});
  const auto place = start(second, request(folder, 3, "exit 0\n"));
  REQUIRE(place);
  CHECK(place->gpu_uuid == slots[0].gpu_uuid);
  second.stop(2, true);
  std::size_t ended = 0;
  while (ended < 2) ended += wait_for_one(second).size();
  waitpid(static_cast<pid_t>(*survivor->pid), nullptr, 0);
}

TEST_CASE("a run on several GPUs gets so many, or waits without holding any") {
  tests::TempFolder folder;
  const std::string own = std::to_string(getpid());
  std::vector<Slot> slots;
  for (const char* name : {"GPU-a-", "GPU-b-", "GPU-c-"}) slots.push_back({name + own, {}});
  LocalLauncher launcher(options(folder, slots));
  const std::string waits =
      "echo $CUDA_VISIBLE_DEVICES; while [ ! -e \"$1.end\" ]; do sleep 0.01; done\n";
  LaunchRequest two = request(folder, 1, waits), more = request(folder, 2, waits);
  two.gpus = more.gpus = 2;
  const auto place = start(launcher, two);
  REQUIRE(place);
  CHECK(place->gpu_uuid == "GPU-a-" + own + ",GPU-b-" + own);
  CHECK_FALSE(launcher.reserve(2));
  // One is free for another sweep, or for a run that needs no more.
  CHECK(GpuLock::try_take("GPU-c-" + own));
  CHECK(launcher.reserve(1));
  CHECK_FALSE(launcher.reserve(2));
  CHECK(GpuLock::try_take("GPU-c-" + own));
  folder.write("config-1.end", "");
  wait_for_one(launcher);
  CHECK(tests::read_file(folder / "config-1.log") == "GPU-a-" + own + ",GPU-b-" + own + "\n");
  const auto next = start(launcher, more);
  REQUIRE(next);
  CHECK_FALSE(GpuLock::try_take("GPU-a-" + own));
  CHECK_FALSE(GpuLock::try_take("GPU-b-" + own));
  // Who takes over finds both of them busy.
  LocalLauncher heir(options(folder, slots));
  heir.adopt({earlier(2, *next)});
  CHECK_FALSE(heir.reserve(2));
  CHECK(heir.reserve(1));
  folder.write("config-2.end", "");
  wait_for_one(launcher);
}

TEST_CASE("more GPUs than are here are refused with both numbers") {
  tests::TempFolder folder;
  const std::string uuid = "GPU-only-" + std::to_string(getpid());
  LocalLauncher launcher(options(folder, {{uuid, {}}, {uuid, {}}}));
  LaunchRequest r = request(folder, 1, "exit 0\n");
  r.gpus = 2;
  REQUIRE(launcher.reserve(2));
  CHECK_THAT(tests::message_of([&] { start(launcher, r); }),
             has_text("a run on 2 GPUs (launch.gpus_per_run): 1 are here"));
}

TEST_CASE("runs share a GPU under one lock, which is free when the last of them ends") {
  tests::TempFolder folder;
  const std::string uuid = "GPU-shared-" + std::to_string(getpid());
  LocalLauncher launcher(options(folder, {{uuid, {}}, {uuid, {}}}));
  REQUIRE(start(launcher, request(folder, 1, "exit 0\n")));
  REQUIRE(start(launcher, request(folder, 2, "while [ ! -e \"$1.end\" ]; do sleep 0.01; done\n")));
  CHECK_FALSE(launcher.reserve(1));
  CHECK(wait_for_one(launcher).at(0).attempt_id == 1);
  CHECK_FALSE(GpuLock::try_take(uuid));
  folder.write("config-2.end", "");
  CHECK(wait_for_one(launcher).at(0).attempt_id == 2);
  CHECK(GpuLock::try_take(uuid));
}

TEST_CASE("a run is pinned to the processors of its slot and sees the GPU that it was given") {
  tests::TempFolder folder;
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  LaunchRequest r = request(
      folder, 1, "grep Cpus_allowed_list /proc/self/status; echo \"[$CUDA_VISIBLE_DEVICES]\"\n");
  LocalLauncher launcher(options(folder, {{"", {last}}}));
  start(launcher, r);
  REQUIRE(wait_for_one(launcher).size() == 1);
  CHECK(tests::read_file(folder / "config-1.log") ==
        "Cpus_allowed_list:\t" + std::to_string(last) + "\n[]\n");
}

TEST_CASE("the output of several attempts with one log is appended, none is lost") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder));
  for (int64_t id : {1, 2, 3}) {
    LaunchRequest r = request(folder, id, "echo attempt " + std::to_string(id) + "\n");
    r.log_file = folder / "one.log";
    start(launcher, r);
    REQUIRE(wait_for_one(launcher).size() == 1);
  }
  CHECK(tests::read_file(folder / "one.log") == "attempt 1\nattempt 2\nattempt 3\n");
}

TEST_CASE("many processes that end together are each told once") {
  tests::TempFolder folder;
  LocalLauncher launcher(options(folder, std::vector<Slot>(20)));
  for (int64_t id = 0; id < 20; ++id)
    start(launcher, request(folder, id, "exit " + std::to_string(id) + "\n"));
  std::map<int64_t, int64_t> codes;
  while (codes.size() < 20) {
    auto exits = wait_for_one(launcher);
    REQUIRE_FALSE(exits.empty());
    for (const AttemptState& exit : exits) CHECK(codes.emplace(exit.attempt_id, *exit.code).second);
  }
  for (const auto& [id, code] : codes) CHECK(id == code);
  CHECK(gone(launcher, 0ms).empty());
  launcher.stop(3, true);  // of a process that is gone: nothing happens
}

}  // namespace crosslaw::sweep

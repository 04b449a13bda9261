#include "sweep/launch/local_launcher.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using namespace std::chrono_literals;

// A program that does what its "config" says.
std::filesystem::path obedient_program(const tests::TempFolder& folder) {
  auto file = folder.write("program", "#!/bin/sh\n. \"$1\"\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  return file;
}

LaunchRequest request(const tests::TempFolder& folder, int64_t id, const std::string& script) {
  std::string name = "config-" + std::to_string(id);
  return {id, folder.write(name, script), folder / (name + ".log"), Slot{}};
}

std::vector<ProcessExit> wait_for_one(LocalLauncher& launcher) {
  for (int i = 0; i < 200; ++i) {
    auto exits = launcher.wait(50ms);
    if (!exits.empty()) return exits;
  }
  return {};
}

}  // namespace

TEST_CASE("exit codes and signals are told apart, output goes to the log") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  launcher.start(request(folder, 1, "echo hello; echo world >&2; exit 3\n"));
  auto exits = wait_for_one(launcher);
  REQUIRE(exits.size() == 1);
  CHECK(exits[0].attempt_id == 1);
  CHECK(exits[0].code == 3);
  CHECK(tests::read_file(folder / "config-1.log") == "hello\nworld\n");
  launcher.start(request(folder, 2, "kill -9 $$\n"));
  exits = wait_for_one(launcher);
  CHECK_FALSE(exits.at(0).code);
  CHECK(exits.at(0).signal == SIGKILL);
}

TEST_CASE("a program that is not there ends at once with code 127") {
  tests::TempFolder folder;
  LocalLauncher launcher(folder / "none");
  launcher.start(request(folder, 1, ""));
  CHECK(wait_for_one(launcher).at(0).code == 127);
}

TEST_CASE("a process is asked to stop, and ended at once when told so") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  launcher.start(request(
      folder, 1, "trap 'exit 75' TERM; touch \"$1.ready\"; while :; do sleep 0.01; done\n"));
  while (!std::filesystem::exists(folder / "config-1.ready")) std::this_thread::sleep_for(5ms);
  launcher.stop(1, false);
  CHECK(wait_for_one(launcher).at(0).code == 75);
  launcher.start(request(folder, 2, "trap '' TERM; while :; do sleep 0.01; done\n"));
  launcher.stop(2, true);
  CHECK(wait_for_one(launcher).at(0).signal == SIGKILL);
}

TEST_CASE("a process outlives its launcher and the next one adopts it") {
  tests::TempFolder folder;
  auto config = folder / "config-1";
  {
    LocalLauncher first(obedient_program(folder));
    first.start(request(folder, 1, "while [ ! -e \"$1.end\" ]; do sleep 0.01; done\n"));
    // The shell's argument appears once exec has happened.
    while (!find_process_with_argument(config.string())) std::this_thread::sleep_for(5ms);
  }
  LocalLauncher second(obedient_program(folder));
  auto adopted = second.adopt(7, config);
  REQUIRE(adopted);
  CHECK(second.wait(0ms).empty());
  folder.write("config-1.end", "");
  auto exits = wait_for_one(second);
  CHECK(exits.at(0).attempt_id == 7);
  waitpid(static_cast<pid_t>(adopted->pid), nullptr, 0);
}

TEST_CASE("a process that ended is not adopted, not even as a zombie") {
  tests::TempFolder folder;
  LocalLauncher first(obedient_program(folder));
  auto process = first.start(request(folder, 1, "exit 0\n"));
  REQUIRE(process);
  std::this_thread::sleep_for(200ms);  // now a zombie: nobody has waited for it
  LocalLauncher second(obedient_program(folder));
  CHECK_FALSE(second.adopt(1, folder / "config-1"));
  CHECK(wait_for_one(first).size() == 1);
}

TEST_CASE("Ctrl-C at the terminal does not reach a run") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  auto process = launcher.start(request(folder, 1, "while :; do sleep 0.01; done\n"));
  std::this_thread::sleep_for(100ms);
  CHECK(getsid(static_cast<pid_t>(process->pid)) == process->pid);
  launcher.stop(1, true);
  wait_for_one(launcher);
}

TEST_CASE("a GPU is held by the process that uses it, beyond its launcher's end") {
  tests::TempFolder folder;
  std::string uuid = "GPU-test-" + std::to_string(getpid());
  auto on_gpu = [&](int64_t id, const std::string& script) {
    LaunchRequest r = request(folder, id, script);
    r.slot.gpu_uuid = uuid;
    return r;
  };
  pid_t pid = 0;
  {
    LocalLauncher first(obedient_program(folder));
    pid = static_cast<pid_t>(
        first.start(on_gpu(1, "echo $CUDA_VISIBLE_DEVICES; while :; do sleep 0.01; done\n"))->pid);
  }
  while (tests::read_file(folder / "config-1.log").empty()) std::this_thread::sleep_for(5ms);
  LocalLauncher second(obedient_program(folder));
  CHECK_FALSE(second.start(on_gpu(2, "exit 0\n")));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  // The shell's child (sleep) holds the lock for its last moments.
  std::optional<ProcessIdentity> started;
  for (int i = 0; i < 100 && !started; ++i) {
    started = second.start(on_gpu(3, "exit 0\n"));
    if (!started) std::this_thread::sleep_for(10ms);
  }
  CHECK(started);
  CHECK(tests::read_file(folder / "config-1.log") == uuid + "\n");
  wait_for_one(second);
  std::filesystem::remove(std::filesystem::temp_directory_path() / ("crosslaw-" + uuid + ".lock"));
}

// On a machine with several users the lock file is another's, and only its owner may write to it.
TEST_CASE("a GPU that another user's sweep used before can be locked") {
  tests::TempFolder folder;
  std::string uuid = "GPU-other-" + std::to_string(getpid());
  auto file = std::filesystem::temp_directory_path() / ("crosslaw-" + uuid + ".lock");
  std::ofstream(file).close();
  std::filesystem::permissions(file, std::filesystem::perms::owner_read |
                                         std::filesystem::perms::group_read |
                                         std::filesystem::perms::others_read);
  pid_t user = fork();
  if (user == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(3);
    LocalLauncher launcher("/nowhere/program");
    LaunchRequest r{1, "/nowhere/config", "/dev/null", Slot{}};
    r.slot.gpu_uuid = uuid;
    _exit(tests::message_of([&] { launcher.start(r); }) == "(nothing was thrown)" ? 0 : 4);
  }
  int status = 0;
  waitpid(user, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
  std::filesystem::remove(file);
}

TEST_CASE("a run is pinned to the processors of its slot and sees the GPU that it was given") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  LaunchRequest r = request(
      folder, 1, "grep Cpus_allowed_list /proc/self/status; echo \"[$CUDA_VISIBLE_DEVICES]\"\n");
  r.slot.cpus = {last};
  launcher.start(r);
  REQUIRE(wait_for_one(launcher).size() == 1);
  CHECK(tests::read_file(folder / "config-1.log") ==
        "Cpus_allowed_list:\t" + std::to_string(last) + "\n[]\n");
}

TEST_CASE("the output of several attempts with one log is appended, none is lost") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  for (int64_t id : {1, 2, 3}) {
    LaunchRequest r = request(folder, id, "echo attempt " + std::to_string(id) + "\n");
    r.log_file = folder / "one.log";
    launcher.start(r);
    REQUIRE(wait_for_one(launcher).size() == 1);
  }
  CHECK(tests::read_file(folder / "one.log") == "attempt 1\nattempt 2\nattempt 3\n");
}

TEST_CASE("many processes that end together are each told once") {
  tests::TempFolder folder;
  LocalLauncher launcher(obedient_program(folder));
  for (int64_t id = 0; id < 20; ++id)
    launcher.start(request(folder, id, "exit " + std::to_string(id) + "\n"));
  std::map<int64_t, int64_t> codes;
  while (codes.size() < 20) {
    auto exits = wait_for_one(launcher);
    REQUIRE_FALSE(exits.empty());
    for (const ProcessExit& exit : exits) CHECK(codes.emplace(exit.attempt_id, *exit.code).second);
  }
  for (const auto& [id, code] : codes) CHECK(id == code);
  CHECK(launcher.wait(0ms).empty());
  launcher.stop(3, true);  // of a process that is gone: nothing happens
}

}  // namespace crosslaw::sweep

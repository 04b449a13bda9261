// The queue's rare answers, by scripted sbatch, squeue and scancel.
#include "sweep/launch/queue_launcher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <tuple>

#include "sweep/launch/slurm.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using namespace std::chrono_literals;

// Programs, first on the PATH, that answer as they are told and write down their arguments.
// An answer is one file that appears at once, for a program may be running while it is changed.
struct ScriptedSlurm {
  tests::TempFolder folder;
  std::string path = std::getenv("PATH");
  std::vector<std::string> said;

  ScriptedSlurm() {
    for (const std::string name : {"sbatch", "squeue", "scancel", "scontrol"}) {
      answer(name, "");
      const std::string at = (folder / name).string();
      const auto file = folder.write(
          name, "#!/bin/sh\necho \"$*\" >> '" + at + ".calls'\n. '" + at + ".answer'\n");
      std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    }
    setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  }
  ~ScriptedSlurm() { setenv("PATH", path.c_str(), 1); }

  void answer(const std::string& name, const std::string& out, const std::string& err = "",
              int code = 0) const {
    const auto next = folder.write(
        name + ".next",
        fmt::format("cat <<'END'\n{}END\ncat >&2 <<'END'\n{}END\nexit {}\n", out, err, code));
    std::filesystem::rename(next, folder / (name + ".answer"));
  }
  std::string calls(const std::string& name) const {
    return tests::read_file(folder / (name + ".calls"));
  }

  QueueLauncher launcher(std::chrono::milliseconds grace = 0ms, std::size_t array_size = 1) {
    QueueOptions options;
    options.array_size = array_size;
    options.program = "/bin/echo";
    options.first_poll = 1ms, options.longest_poll = 5ms, options.grace = grace;
    options.say = [this](const std::string& message) { said.push_back(message); };
    LaunchSpec spec;
    spec.queue.partition = "gpu", spec.queue.time_limit = "1:00:00";
    spec.queue.options = {"--mem=10G"};
    return {slurm(spec), options};
  }
  LaunchRequest request(int64_t id = 1) const {
    const auto attempt = folder / ("attempt-" + std::to_string(id));
    std::filesystem::create_directories(attempt);
    return {id, token(id), "crosslaw-ab12cd34", attempt / "config.json", attempt / "log.txt", {}};
  }
  static std::string token(int64_t id) { return std::string(31, 'a') + std::to_string(id); }
};

std::string column(std::string text, std::size_t width) {
  text.resize(width, ' ');
  return text;
}

// A line as squeue writes it for the columns that are asked for.
std::string line(const std::string& job, const std::string& state, const std::string& comment,
                 const std::string& reason = "None", const std::string& nodes = "",
                 const std::string& code = "0") {
  return column(job, 24) + column(state, 8) + column(code, 12) + column(comment, 40) +
         column(nodes, 256) + column(reason, 160) + "\n";
}

// After so many further listings.
AttemptState after_listings(QueueLauncher& launcher, int listings, const ScriptedSlurm& slurm) {
  auto count = [&] {
    const std::string calls = slurm.calls("squeue");
    return std::count(calls.begin(), calls.end(), '\n');
  };
  const auto goal = count() + listings;
  // Only a launcher that lists no more takes so long, however slow the machine.
  const auto end = std::chrono::steady_clock::now() + 5min;
  std::vector<AttemptState> states;
  do {
    states = launcher.states(5ms);
    REQUIRE(states.size() == 1);
  } while (states[0].where != Whereabouts::kGone && count() <= goal &&
           std::chrono::steady_clock::now() < end);
  return states[0];
}

bool begin(QueueLauncher& launcher, const LaunchRequest& request, LaunchPlace* place = nullptr) {
  return launcher.start(request, [&](const LaunchPlace& where) {
    if (place) *place = where;
  });
}

}  // namespace

TEST_CASE("a job is submitted with its token, its limits and what the spec adds") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "17;cluster\n");
  auto launcher = slurm.launcher();
  LaunchRequest request = slurm.request();
  request.avoid_nodes = {"n1", "n3"};
  LaunchPlace place;
  REQUIRE(begin(launcher, request, &place));
  CHECK(place.job == "17");
  const std::string call = slurm.calls("sbatch");
  for (const std::string& part :
       {std::string("--parsable "), "--comment=" + ScriptedSlurm::token(1),
        std::string("--partition=gpu"), std::string("--time=1:00:00"), std::string("--no-requeue"),
        std::string("--gres=gpu:1"), std::string("--exclude=n1,n3"), std::string("--mem=10G"),
        std::string("--signal=B:USR2@180")})
    CHECK_THAT(call, has_text(part));
  CHECK_THAT(call, !has_text("--account"));
}

TEST_CASE("a run on several GPUs asks for whole shares of nodes and starts a task a GPU by srun") {
  ScriptedSlurm slurm;
  LaunchSpec launch;
  launch.queue.gpus = 4;
  launch.threads_per_run = 3;
  const BatchSystem system = sweep::slurm(launch);
  QueueOptions options;
  options.wrapper = "srun --kill-on-bad-exit=1";
  for (const auto& [gpus, nodes, of_a_node] :
       {std::tuple{1, 1, 1}, {2, 1, 2}, {4, 1, 4}, {8, 2, 4}, {12, 3, 4}}) {
    LaunchRequest request = slurm.request();
    request.gpus = gpus;
    const std::string call = fmt::format("{}", fmt::join(system.submit(request, "job.sh"), " "));
    INFO(call);
    CHECK_THAT(call, has_text(fmt::format("--nodes={} ", nodes)));
    CHECK_THAT(call, has_text(fmt::format("--ntasks-per-node={} ", of_a_node)));
    CHECK_THAT(call, has_text(fmt::format("--gres=gpu:{} ", of_a_node)));
    CHECK_THAT(call, has_text("--cpus-per-task=3"));
    const std::string script = job_script(request, options);
    CHECK((script.find("exec srun --kill-on-bad-exit=1 '") != std::string::npos) == (gpus > 1));
  }
}

TEST_CASE("a number counts whatever else was said, so that nothing is submitted twice") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "site: welcome\n18\n", "sbatch: error: something odd\n", 1);
  auto launcher = slurm.launcher();
  LaunchPlace place;
  REQUIRE(begin(launcher, slurm.request(), &place));
  CHECK(place.job == "18");
}

TEST_CASE("a submission without an answer is looked for by its token") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "", "sbatch: error: Unable to contact slurm controller\n", 1);
  slurm.answer("squeue", line("7", "PD", ScriptedSlurm::token(1), "Resources"));
  auto launcher = slurm.launcher(10s);
  LaunchPlace place;
  REQUIRE(begin(launcher, slurm.request(), &place));
  CHECK_FALSE(place.job);
  const AttemptState found = after_listings(launcher, 2, slurm);
  CHECK(found.where == Whereabouts::kQueued);
  CHECK(found.job == "7");
  CHECK(slurm.said.size() == 1);
}

TEST_CASE("what no listing knows is gone, but not at the first listing nor before its time") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  for (const auto grace : {std::chrono::milliseconds(0), std::chrono::milliseconds(60'000)}) {
    auto launcher = slurm.launcher(grace);
    REQUIRE(begin(launcher, slurm.request()));
    const AttemptState state = after_listings(launcher, 4, slurm);
    CHECK(state.where == (grace == 0ms ? Whereabouts::kGone : Whereabouts::kUnknown));
    CHECK_FALSE(state.cause);
  }
}

TEST_CASE("a queue that does not answer says nothing about any job, and is told of once") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin(launcher, slurm.request()));
  slurm.answer("squeue", line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
  CHECK(after_listings(launcher, 2, slurm).where == Whereabouts::kRunning);
  slurm.answer("squeue", "", "slurm_load_jobs error: Unable to contact slurm controller\n", 1);
  CHECK(after_listings(launcher, 6, slurm).where == Whereabouts::kUnknown);
  slurm.answer("squeue", line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
  const AttemptState again = after_listings(launcher, 2, slurm);
  CHECK(again.where == Whereabouts::kRunning);
  CHECK(again.node == "n2");
  REQUIRE(slurm.said.size() == 2);
  CHECK_THAT(slurm.said[0], has_text("Unable to contact slurm controller"));
  CHECK_THAT(slurm.said[1], has_text("answers again"));
}

TEST_CASE("a number that went to another job is not ours any more") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin(launcher, slurm.request()));
  slurm.answer("squeue", line("7", "R", "somebody else's") + line("8", "R", "(null)"));
  CHECK(after_listings(launcher, 4, slurm).where == Whereabouts::kGone);
}

TEST_CASE("of two jobs with one token the one that goes on counts") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin(launcher, slurm.request()));
  slurm.answer("squeue", line("7", "F", ScriptedSlurm::token(1), "NonZeroExitCode", "n1", "256") +
                             line("9", "R", ScriptedSlurm::token(1), "None", "n2"));
  const AttemptState state = after_listings(launcher, 2, slurm);
  CHECK(state.where == Whereabouts::kRunning);
  CHECK(state.job == "9");
}

TEST_CASE(
    "what a queue will never take is refused in its words, what it takes later is waited for") {
  ScriptedSlurm slurm;
  auto launcher = slurm.launcher();
  slurm.answer("sbatch", "", "sbatch: error: invalid partition specified: gpu\n", 1);
  CHECK_THAT(tests::message_of([&] { begin(launcher, slurm.request()); }),
             has_text("slurm refuses the job: sbatch: error: invalid partition specified: gpu"));
  slurm.answer("sbatch", "",
               "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission "
               "failed: Job violates accounting/QOS policy (job submit limit)\n",
               1);
  CHECK(launcher.reserve(1));
  CHECK_FALSE(begin(launcher, slurm.request()));
  CHECK_FALSE(launcher.reserve(1));
  CHECK(slurm.said.size() == 1);
}

TEST_CASE("a job whose number was never stored is found again by its token") {
  ScriptedSlurm slurm;
  slurm.answer("squeue", line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
  auto launcher = slurm.launcher();
  EarlierAttempt earlier;
  earlier.request = slurm.request();
  earlier.backend = "slurm";
  launcher.adopt({earlier});
  const AttemptState state = after_listings(launcher, 1, slurm);
  CHECK(state.where == Whereabouts::kRunning);
  CHECK(state.job == "7");
  CHECK(state.place == "slurm job 7 on n2");
}

TEST_CASE("equal runs go as one array, each with a name of its own in listings") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "17\n");
  slurm.answer("scontrol", "MaxArraySize            = 3\n");
  auto launcher = slurm.launcher(60s, 100);
  std::map<int64_t, std::string> places;
  for (int64_t id = 1; id <= 5; ++id) {
    LaunchRequest request = slurm.request(id);
    if (id == 2) request.avoid_nodes = {"n1"};  // not equal to the others
    REQUIRE(launcher.start(
        request, [&places, id](const LaunchPlace& at) { places[id] = at.job.value_or(""); }));
  }
  CHECK(slurm.calls("sbatch").empty());  // collected until the next look
  launcher.states(1ms);
  CHECK(places == std::map<int64_t, std::string>{
                      {1, "17_0"}, {2, "17"}, {3, "17_1"}, {4, "17_2"}, {5, "17"}});
  const std::string calls = slurm.calls("sbatch");
  CHECK(std::count(calls.begin(), calls.end(), '\n') == 3);
  CHECK_THAT(calls, has_text("--array=0-2 "));
  CHECK_THAT(calls, has_text("--comment=" + ScriptedSlurm::token(1)));
  // One listing tells of all; of tasks by the array's token and their index.
  slurm.answer("squeue",
               line("17_0", "R", ScriptedSlurm::token(1), "None", "n1") +
                   line("17_1", "PD", ScriptedSlurm::token(1), "Priority") +
                   line("17_2", "F", ScriptedSlurm::token(1), "NonZeroExitCode", "n1", "256"));
  std::map<int64_t, Whereabouts> where;
  for (int i = 0; i < 10'000 && where[4] != Whereabouts::kGone; ++i) {
    for (const AttemptState& state : launcher.states(5ms)) where[state.attempt_id] = state.where;
  }
  CHECK(where[1] == Whereabouts::kRunning);
  CHECK(where[3] == Whereabouts::kQueued);
  CHECK(where[4] == Whereabouts::kGone);
  launcher.stop(3, false);
  CHECK_THAT(slurm.calls("scancel"), has_text("17_1"));
  // Killed before it knew the numbers, the next launcher finds each task.
  auto next = slurm.launcher(60s, 100);
  EarlierAttempt earlier;
  earlier.request = slurm.request(3);
  earlier.backend = "slurm";
  next.adopt({earlier});
  CHECK(after_listings(next, 1, slurm).job == "17_1");
  // Killed while it collected, it had offered nothing.
  auto last = slurm.launcher(60s, 100);
  earlier.request = slurm.request(9);
  last.adopt({earlier});
  CHECK(last.states(1ms).at(0).where == Whereabouts::kGone);
}

TEST_CASE("a task runs its own attempt's script and writes into its own log") {
  tests::TempFolder folder;
  std::vector<LaunchRequest> requests;
  for (int i = 0; i < 3; ++i) {
    const auto attempt = folder / fmt::format("it's run {}", i) / "attempt-1";
    std::filesystem::create_directories(attempt);
    requests.push_back({i, "t", "run", attempt / "config.json", attempt / "log.txt", {}});
    QueueOptions options;
    options.program = "/bin/echo";
    std::ofstream(job_script_file(requests.back())) << job_script(requests.back(), options);
  }
  folder.write("array.sh", array_script(requests, "TASK"));
  const auto run = [&](const char* task) {
    return run_program(
               {"env", std::string("TASK=") + task, "/bin/sh", (folder / "array.sh").string()}, 10s)
        .code;
  };
  CHECK(run("1") == 0);
  CHECK(tests::read_file(requests[1].log_file) == requests[1].config_file.string() + "\n");
  CHECK_FALSE(std::filesystem::exists(requests[0].log_file));
  CHECK(run("3") == kExitCannotStart);
}

TEST_CASE("an array that is not taken whole is taken in parts, and what is refused says why") {
  ScriptedSlurm slurm;
  slurm.answer("scontrol", "MaxArraySize            = 1001\n");
  slurm.answer("sbatch", "",
               "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: (job submit limit)\n", 1);
  auto launcher = slurm.launcher(60s, 100);
  for (int64_t id = 1; id <= 4; ++id) REQUIRE(begin(launcher, slurm.request(id)));
  for (const AttemptState& state : launcher.states(1ms)) CHECK(state.where == Whereabouts::kQueued);
  const std::string calls = slurm.calls("sbatch");
  CHECK(std::count(calls.begin(), calls.end(), '\n') == 3);  // of four, of two, alone
  CHECK_FALSE(launcher.reserve(1));
  launcher.stop(4, false);  // it waits here, and no queue need be asked
  auto states = launcher.states(1ms);
  REQUIRE(states.size() == 4);
  CHECK(states[3].where == Whereabouts::kGone);
  CHECK(slurm.calls("scancel").empty());

  slurm.answer("sbatch", "", "sbatch: error: invalid partition specified: gpu\n", 1);
  auto other = slurm.launcher(60s, 100);
  for (int64_t id = 5; id <= 6; ++id) REQUIRE(begin(other, slurm.request(id)));
  states = other.states(1ms);
  REQUIRE(states.size() == 2);
  CHECK(states[0].where == Whereabouts::kGone);
  CHECK(states[0].cause == db::Outcome::kBadConfig);
  CHECK_THAT(states[0].message, has_text("invalid partition specified: gpu"));
}

TEST_CASE("a job that a stop saw end is gone at once, and no queue is asked for it") {
  ScriptedSlurm slurm;
  slurm.answer("squeue", "", "slurm_load_jobs error: Unable to contact slurm controller\n", 1);
  auto launcher = slurm.launcher(60s);
  EarlierAttempt earlier;
  earlier.request = slurm.request();
  earlier.backend = "slurm";
  earlier.place.job = kEndedJob;
  launcher.adopt({earlier});
  const auto states = launcher.states(1ms);
  REQUIRE(states.size() == 1);
  CHECK(states[0].where == Whereabouts::kGone);
  CHECK(launcher.states(1ms).empty());
  CHECK(slurm.calls("squeue").empty());
}

TEST_CASE("a stop is a signal to what runs and a cancellation of what waits, sent until it works") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin(launcher, slurm.request()));
  slurm.answer("squeue", line("7", "R", ScriptedSlurm::token(1)));
  after_listings(launcher, 2, slurm);
  slurm.answer("scancel", "", "scancel: error: Unable to contact slurm controller\n", 1);
  launcher.stop(1, false);
  after_listings(launcher, 2, slurm);
  slurm.answer("scancel", "");
  after_listings(launcher, 3, slurm);
  const std::string calls = slurm.calls("scancel");
  const auto lines = std::count(calls.begin(), calls.end(), '\n');
  CHECK(lines >= 2);
  CHECK_THAT(calls, has_text("--batch --signal=USR2 7"));
  after_listings(launcher, 3, slurm);
  const std::string later = slurm.calls("scancel");
  CHECK(std::count(later.begin(), later.end(), '\n') == lines);
  slurm.answer("squeue", line("7", "PD", ScriptedSlurm::token(1), "Priority"));
  after_listings(launcher, 2, slurm);
  launcher.stop(1, false);
  CHECK(slurm.calls("scancel").ends_with("\n7\n"));
}

TEST_CASE("states and causes of ended and waiting jobs are read as Slurm writes them") {
  const std::string t = ScriptedSlurm::token(1);
  struct Case {
    const char *state, *reason, *code;
    Whereabouts where;
    std::optional<db::Outcome> cause;
    std::string blocked;
  };
  for (const Case& c : {
           Case{"PD", "Priority", "0", Whereabouts::kQueued, {}, ""},
           Case{"PD", "PartitionTimeLimit", "0", Whereabouts::kQueued, {}, "PartitionTimeLimit"},
           Case{"PD", "PartitionDown", "0", Whereabouts::kQueued, {}, ""},
           Case{"PD", "JobHeldAdmin", "0", Whereabouts::kQueued, {}, "JobHeldAdmin"},
           Case{"PD",
                "launch_failed_requeued_held",
                "0",
                Whereabouts::kQueued,
                {},
                "launch_failed_requeued_held"},
           Case{"PD",
                "QOSMaxWallDurationPerJobLimit",
                "0",
                Whereabouts::kQueued,
                {},
                "QOSMaxWallDurationPerJobLimit"},
           Case{"CG", "None", "0", Whereabouts::kRunning, {}, ""},
           Case{"TO", "TimeLimit", "0", Whereabouts::kGone, db::Outcome::kTimeLimit, ""},
           Case{"PR", "None", "0", Whereabouts::kGone, db::Outcome::kPreempted, ""},
           Case{"NF", "NodeDown", "0", Whereabouts::kGone, db::Outcome::kNodeFailed, ""},
           Case{"OOM", "OutOfMemory", "0", Whereabouts::kGone, db::Outcome::kOutOfMemory, ""},
           Case{"XX", "None", "0", Whereabouts::kUnknown, {}, ""},
       }) {
    INFO(c.state << " " << c.reason);
    const auto entries = read_squeue(line("7", c.state, t, c.reason, "n1", c.code));
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].where == c.where);
    CHECK(entries[0].cause == c.cause);
    CHECK(entries[0].blocked == c.blocked);
  }
  // wait(2)'s status until 22.05, "code:signal" later.
  for (const auto& [text, code, signal] :
       std::vector<std::tuple<std::string, std::optional<int64_t>, std::optional<int64_t>>>{
           {"17664", 69, {}}, {"69:0", 69, {}}, {"9", {}, 9}, {"0:9", {}, 9}, {"0", 0, {}}}) {
    const auto entries = read_squeue(line("7", "F", t, "NonZeroExitCode", "n1", text));
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].code == code);
    CHECK(entries[0].signal == signal);
  }
  CHECK(read_squeue("").empty());
  CHECK(read_squeue("slurm_load_jobs error: Invalid user\n").empty());
}

TEST_CASE("a job's script begins an attempt once, not after a newer one, and not without its GPU") {
  tests::TempFolder folder;
  const auto attempt = folder / "it's a run" / "attempt-3";
  std::filesystem::create_directories(attempt);
  const LaunchRequest request{1, "t", "run", attempt / "config.json", attempt / "log.txt", {}};
  QueueOptions options;
  options.program = "/bin/echo";
  auto run = [&] {
    folder.write("job.sh", job_script(request, options));
    return run_program({"/bin/sh", (folder / "job.sh").string()}, 10s);
  };
  unsetenv("CUDA_VISIBLE_DEVICES");
  const ProgramEnd first = run();
  CHECK(first.code == 0);
  CHECK(first.output == (attempt / "config.json").string() + "\n");
  CHECK_FALSE(tests::read_file(attempt / "started/host").empty());
  CHECK(run().code == kExitNotLetGo);
  std::filesystem::remove_all(attempt / "started");
  options.needs_binding = true;
  const ProgramEnd unbound = run();
  CHECK(unbound.code == kExitNoDevice);
  CHECK_THAT(unbound.errors, has_text("no GPU"));
  std::filesystem::remove_all(attempt / "started");
  setenv("CUDA_VISIBLE_DEVICES", "0", 1);
  CHECK(run().code == 0);
  unsetenv("CUDA_VISIBLE_DEVICES");
  std::filesystem::remove_all(attempt / "started");
  std::filesystem::create_directories(attempt.parent_path() / "attempt-4");
  CHECK(run().code == kExitNotLetGo);
}

}  // namespace crosslaw::sweep

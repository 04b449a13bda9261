// Equal runs that go to a queue as one array.
#include <fstream>
#include <map>

#include "tests/sweep/launch/scripted_slurm.h"

namespace crosslaw::sweep {

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
  slurm.answer("squeue", listing_line("17_0", "R", ScriptedSlurm::token(1), "None", "n1") +
                             listing_line("17_1", "PD", ScriptedSlurm::token(1), "Priority") +
                             listing_line("17_2", "F", ScriptedSlurm::token(1), "NonZeroExitCode",
                                          "n1", "256"));
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
  for (int64_t id = 1; id <= 4; ++id) REQUIRE(begin_job(launcher, slurm.request(id)));
  for (const AttemptState& state : tests::some(launcher.states(1ms)))
    CHECK(state.where == Whereabouts::kQueued);
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
  for (int64_t id = 5; id <= 6; ++id) REQUIRE(begin_job(other, slurm.request(id)));
  states = other.states(1ms);
  REQUIRE(states.size() == 2);
  CHECK(states[0].where == Whereabouts::kGone);
  CHECK(states[0].cause == db::Outcome::kBadConfig);
  CHECK_THAT(states[0].message, has_text("invalid partition specified: gpu"));
}

}  // namespace crosslaw::sweep

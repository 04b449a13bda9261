// The queue's rare answers, by scripted sbatch, squeue and scancel.
#include "sweep/launch/queue_launcher.h"

#include "tests/sweep/launch/scripted_slurm.h"

namespace crosslaw::sweep {

TEST_CASE("a job is submitted with its token, its limits and what the spec adds") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "17;cluster\n");
  auto launcher = slurm.launcher();
  LaunchRequest request = slurm.request();
  request.avoid_nodes = {"n1", "n3"};
  LaunchPlace place;
  REQUIRE(begin_job(launcher, request, &place));
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
  REQUIRE(begin_job(launcher, slurm.request(), &place));
  CHECK(place.job == "18");
}

TEST_CASE("a submission without an answer is looked for by its token") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "", "sbatch: error: Unable to contact slurm controller\n", 1);
  slurm.answer("squeue", listing_line("7", "PD", ScriptedSlurm::token(1), "Resources"));
  auto launcher = slurm.launcher(10s);
  LaunchPlace place;
  REQUIRE(begin_job(launcher, slurm.request(), &place));
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
    REQUIRE(begin_job(launcher, slurm.request()));
    const AttemptState state = after_listings(launcher, 4, slurm);
    CHECK(state.where == (grace == 0ms ? Whereabouts::kGone : Whereabouts::kUnknown));
    CHECK_FALSE(state.cause);
  }
}

TEST_CASE("a queue that does not answer says nothing about any job, and is told of once") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin_job(launcher, slurm.request()));
  slurm.answer("squeue", listing_line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
  CHECK(after_listings(launcher, 2, slurm).where == Whereabouts::kRunning);
  slurm.answer("squeue", "", "slurm_load_jobs error: Unable to contact slurm controller\n", 1);
  CHECK(after_listings(launcher, 6, slurm).where == Whereabouts::kUnknown);
  slurm.answer("squeue", listing_line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
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
  REQUIRE(begin_job(launcher, slurm.request()));
  slurm.answer("squeue",
               listing_line("7", "R", "somebody else's") + listing_line("8", "R", "(null)"));
  CHECK(after_listings(launcher, 4, slurm).where == Whereabouts::kGone);
}

TEST_CASE("of two jobs with one token the one that goes on counts") {
  ScriptedSlurm slurm;
  slurm.answer("sbatch", "7\n");
  auto launcher = slurm.launcher();
  REQUIRE(begin_job(launcher, slurm.request()));
  slurm.answer("squeue",
               listing_line("7", "F", ScriptedSlurm::token(1), "NonZeroExitCode", "n1", "256") +
                   listing_line("9", "R", ScriptedSlurm::token(1), "None", "n2"));
  const AttemptState state = after_listings(launcher, 2, slurm);
  CHECK(state.where == Whereabouts::kRunning);
  CHECK(state.job == "9");
}

TEST_CASE(
    "what a queue will never take is refused in its words, what it takes later is waited for") {
  ScriptedSlurm slurm;
  auto launcher = slurm.launcher();
  slurm.answer("sbatch", "", "sbatch: error: invalid partition specified: gpu\n", 1);
  CHECK_THAT(tests::message_of([&] { begin_job(launcher, slurm.request()); }),
             has_text("slurm refuses the job: sbatch: error: invalid partition specified: gpu"));
  slurm.answer("sbatch", "",
               "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission "
               "failed: Job violates accounting/QOS policy (job submit limit)\n",
               1);
  CHECK(launcher.reserve(1));
  CHECK_FALSE(begin_job(launcher, slurm.request()));
  CHECK_FALSE(launcher.reserve(1));
  CHECK(slurm.said.size() == 1);
}

TEST_CASE("a job whose number was never stored is found again by its token") {
  ScriptedSlurm slurm;
  slurm.answer("squeue", listing_line("7", "R", ScriptedSlurm::token(1), "None", "n2"));
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
  REQUIRE(begin_job(launcher, slurm.request()));
  slurm.answer("squeue", listing_line("7", "R", ScriptedSlurm::token(1)));
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
  slurm.answer("squeue", listing_line("7", "PD", ScriptedSlurm::token(1), "Priority"));
  after_listings(launcher, 2, slurm);
  launcher.stop(1, false);
  CHECK(slurm.calls("scancel").ends_with("\n7\n"));
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

#include "sweep/launch/command_templates.h"

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

// The spec of the small sweep with this [launch] section.
LaunchSpec with_launch(const std::string& section) {
  tests::SmallSweep files;
  files.edit("devices = \"cpu\"\ncpu_slots = 2\n", section);
  return read_spec(files.spec).launch;
}

std::string template_text(const std::string& name) {
  return tests::read_file("sweep/presets/launch/" + name + ".toml");
}

LaunchRequest request() {
  return {1,
          std::string(32, 'c'),
          "crosslaw-ab12cd34",
          "/s/runs/k/attempt-1/config.json",
          "/s/runs/k/attempt-1/log.txt",
          {}};
}

// What each system prints, as its documentation shows it.
struct Sample {
  std::string name;
  std::string submitted;  // by a submission
  std::string job;        // its name
  std::string listing;    // of that job, then of others
  Whereabouts where;
};

const std::string kNamed = "crosslaw-" + std::string(32, 'c');

const std::vector<Sample> kSamples = {
    {"pbs", "1234.pbs01.site.example\n", "1234",
     "\npbs01:\n                                                            Req'd  Req'd   Elap\n"
     "Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time\n"
     "--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----\n"
     "1234.pbs01      ann      gpu      crosslaw-a  98765   1   8    --  24:00 R 00:12\n"
     "1235.pbs01      ann      gpu      other         --    1   8    --  24:00 Q   -- \n",
     Whereabouts::kRunning},
    {"lsf", "Job <1234> is submitted to queue <normal>.\n", "1234", "1234 PEND\n1200 DONE\n",
     Whereabouts::kQueued},
    {"grid_engine", "1234\n", "1234",
     "job-ID  prior   name       user         state submit/start at     queue  slots ja-task-ID\n"
     "---------------------------------------------------------------------------------------\n"
     "   1234 0.55500 crosslaw-a ann          r     11/25/2026 10:00:00 all.q@n1        8\n",
     Whereabouts::kRunning},
    {"htcondor", "1234.0 - 1234.0\n", "1234.0", "1234.0 2\n1235.0 1\n", Whereabouts::kRunning},
    {"kubernetes", "job.batch/" + kNamed + " created\n", kNamed, kNamed + "   Succeeded\n",
     Whereabouts::kGone},
    {"skypilot", "Managed Job ID: 12\n", kNamed,
     "ID  TASK  NAME       RESOURCES  SUBMITTED   TOT. DURATION  JOB DURATION  #RECOVERIES  "
     "STATUS\n"
     "12  -     " +
         kNamed + "  1x[H100:1]  5 mins ago  3m 1s  2m 40s  0  RUNNING\n",
     Whereabouts::kRunning},
    {"dstack", "", kNamed,
     " NAME  BACKEND  GPU  PRICE  STATUS  SUBMITTED\n " + kNamed +
         "  aws (us-east-1)  H100:80GB:1  $2.5  provisioning  5 mins ago\n",
     Whereabouts::kQueued},
};

}  // namespace

TEST_CASE("each template submits, recognises its job, and reads its state in the listing") {
  for (const Sample& sample : kSamples) {
    INFO(sample.name);
    const LaunchSpec launch = with_launch(template_text(sample.name));
    CHECK(launch.backend == "command");
    const BatchSystem system = batch_system(launch);
    const auto submission = system.submit(request(), "/s/runs/k/attempt-1/job.sh");
    std::string words,
        file = expand(launch.command.job_file, {{{"script", "/s/runs/k/attempt-1/job.sh"}}, {}});
    for (const std::string& word : submission) words += word + " ";
    // The script reaches the system, in the call or in the file that the call names.
    CHECK_THAT(words + file, has_text("/s/runs/k/attempt-1/job.sh"));
    CHECK_THAT(words, !has_text("{"));
    const auto job = system.job_named ? system.job_named(request().token)
                                      : system.job_of(sample.submitted).value_or("(none)");
    CHECK(job == sample.job);
    const auto entries = system.entries(sample.listing);
    const auto at = std::find_if(entries.begin(), entries.end(),
                                 [&](const QueueEntry& entry) { return entry.job == job; });
    REQUIRE(at != entries.end());
    CHECK(at->where == sample.where);
    CHECK(system.cancel(job, Whereabouts::kQueued, true).back() == job);
  }
}

TEST_CASE("names are replaced wherever they stand, other braces stay, and {jobs} is many words") {
  const TemplateValues values{{{"a", "1"}, {"ab", "{a}"}}, {"7", "8 9"}};
  CHECK(expand("{a}{ab} {b} {json: {a}} {", values) == "1{a} {b} {json: 1} {");
  CHECK(expand(std::vector<std::string>{"x{a}", "{jobs}", "{jobs}!"}, values) ==
        std::vector<std::string>{"x1", "7", "8 9", "{jobs}!"});
}

TEST_CASE("a template that cannot work is refused where it stands") {
  const std::string good =
      "backend = \"command\"\nsubmit = [\"q\", \"{script}\"]\njob_pattern = \"([0-9]+)\"\npoll = "
      "[\"p\"]\npoll_pattern = \"(.) (.)\"\ncancel = [\"c\", \"{job}\"]\n";
  CHECK(with_launch(good).command.poll_pattern == "(.) (.)");
  for (const auto& [from, to, complaint] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"{script}", "{skript}", "launch.submit"},
           {"(.) (.)", "(.) .", "launch.poll_pattern"},
           {"([0-9]+)", "([0-9+", "launch.job_pattern"},
           {"job_pattern = \"([0-9]+)\"", "job = \"fixed\"", "launch.job"},
           {"cancel = [\"c\", \"{job}\"]", "", "launch.cancel"},
           {"\"command\"", "\"slum\"", "launch.backend"}}) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    INFO(text);
    CHECK_THAT(tests::message_of([&] { with_launch(text); }), has_text(complaint));
  }
}

}  // namespace crosslaw::sweep

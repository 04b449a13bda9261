#include "apps/commands/sweep_watcher.h"

#include <sys/stat.h>

#include <fstream>

#include "apps/terminal/progress_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using namespace std::chrono_literals;

namespace {

// A program that writes what it is told, a line a word.
std::string listening_program(const tests::TempFolder& folder) {
  const std::filesystem::path program = folder / "listen; touch shell";
  std::ofstream(program) << "#!/bin/sh\nprintf '%s\\n' \"$@\" >>'" << (folder / "heard").string()
                         << "'\n";
  ::chmod(program.c_str(), 0755);
  return program.string();
}

std::string heard(const tests::TempFolder& folder) {
  return std::filesystem::exists(folder / "heard") ? tests::read_file(folder / "heard") : "";
}

}  // namespace

TEST_CASE("The end is told as event and sentence, without a shell") {
  const tests::TempFolder folder;
  SweepWatcher(folder.path(), listening_program(folder)).tell("end", "a $(touch x) 'sentence'");
  CHECK(heard(folder) == "end\na $(touch x) 'sentence'\n");
  CHECK_FALSE(std::filesystem::exists(folder / "x"));
  CHECK_FALSE(std::filesystem::exists("shell"));
}

TEST_CASE("Failures of now are told once each, those of before never") {
  const tests::TempFolder folder;
  sweep::Progress progress;
  progress.failed = 3;
  {
    SweepWatcher watcher(folder.path(), listening_program(folder));
    watcher.look(progress);
    watcher.look(progress);
    progress.diverged = 1;
    watcher.look(progress);
    watcher.look(progress);
  }
  CHECK_THAT(heard(folder), Catch::Matchers::StartsWith("failure\n") && has_text("1 diverged"));
  CHECK(heard(folder).find("failure", 1) == std::string::npos);
}

TEST_CASE("A sweep that does not move is told once, and again only after it has moved") {
  const tests::TempFolder folder;
  sweep::Progress progress;
  progress.share = 0.25;
  {
    SweepWatcher watcher(folder.path(), listening_program(folder));
    const auto begin = SweepWatcher::Clock::now();
    for (const auto minute : {0min, 14min, 16min, 40min}) watcher.look(progress, begin + minute);
    progress.share = 0.5;
    watcher.look(progress, begin + 41min);
    watcher.look(progress, begin + 57min);
  }
  const std::string words = heard(folder);
  std::size_t stalls = 0;
  for (std::size_t at = words.find("stall\n"); at != std::string::npos;
       at = words.find("stall\n", at + 1))
    ++stalls;
  CHECK(stalls == 2);
}

TEST_CASE("A program that is not there ends nothing") {
  const tests::TempFolder folder;
  SweepWatcher watcher(folder.path(), "/no/such/program");
  CHECK_NOTHROW(watcher.tell("end", "a sentence"));
}

TEST_CASE("What status reads is what was looked at") {
  const tests::TempFolder folder;
  CHECK_FALSE(read_progress(folder.path()));
  sweep::Progress progress;
  progress.share = 0.375;
  progress.elapsed_seconds = 12.5;
  progress.flops_per_second = 3e9;
  progress.remaining_seconds = 20;
  SweepWatcher watcher(folder.path(), "");
  watcher.look(progress);
  const auto note = read_progress(folder.path());
  REQUIRE(note);
  CHECK(note->share == 0.375);
  CHECK(note->elapsed_seconds == 12.5);
  CHECK(note->flops_per_second == 3e9);
  CHECK_FALSE(note->remaining_seconds);  // nothing was measured yet
  progress.measured = true;
  watcher.look(progress, SweepWatcher::Clock::now() + 6s);
  CHECK(read_progress(folder.path())->remaining_seconds == 20.0);
  std::ofstream(folder / "progress.json") << "{\"schema\": 1, \"sha";
  CHECK_FALSE(read_progress(folder.path()));
}

TEST_CASE("While laws are fitted at the end that is said, and no time that is left") {
  const tests::TempFolder folder;
  sweep::Progress progress;
  progress.share = 0.89;
  progress.measured = true;
  progress.remaining_seconds = 3;
  progress.elapsed_seconds = 100;
  SweepWatcher watcher(folder.path(), "");
  watcher.look(progress);
  CHECK_THAT(describe(*read_progress(folder.path()), {0.5, 2.0}),
             has_text("89 % of the work, 100 s so far") && has_text("about 3 s left"));
  progress.share = 1;
  watcher.conclude(progress);
  const std::string said = describe(*read_progress(folder.path()), {0.5, 2.0});
  CHECK_THAT(said, has_text("all runs have ended, after 100 s; fitting laws"));
  CHECK(said.find("left") == std::string::npos);
  CHECK(said.find('%') == std::string::npos);
  // The next process does not begin where this one ended.
  forget_progress(folder.path());
  CHECK_FALSE(read_progress(folder.path()));
}

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "sweep/launch/queue_launcher.h"
#include "sweep/launch/slurm.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {

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

inline std::string listing_column(std::string text, std::size_t width) {
  text.resize(width, ' ');
  return text;
}

// A line as squeue writes it for the columns that are asked for.
inline std::string listing_line(const std::string& job, const std::string& state,
                                const std::string& comment, const std::string& reason = "None",
                                const std::string& nodes = "", const std::string& code = "0") {
  return listing_column(job, 24) + listing_column(state, 8) + listing_column(code, 12) +
         listing_column(comment, 40) + listing_column(nodes, 256) + listing_column(reason, 160) +
         "\n";
}

// After so many further listings.
inline AttemptState after_listings(QueueLauncher& launcher, int listings,
                                   const ScriptedSlurm& slurm) {
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

inline bool begin_job(QueueLauncher& launcher, const LaunchRequest& request,
                      LaunchPlace* place = nullptr) {
  return launcher.start(request, [&](const LaunchPlace& where) {
    if (place) *place = where;
  });
}

}  // namespace crosslaw::sweep

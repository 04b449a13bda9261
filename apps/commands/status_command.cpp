#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/commands/commands.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/progress_file.h"
#include "apps/terminal/quantities.h"
#include "fit/write/table.h"
#include "sweep/schedule/sweep_lock.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::apps {
namespace {

struct StatusOptions {
  std::string folder;
  bool watch = false;
  bool json = false;
};

struct LiveRun {
  std::string name;
  int64_t step = 0, steps = 0;
  double tokens_per_second = 0;
};

struct Status {
  std::string name, holder;  // holder: empty when nobody runs the sweep
  std::map<std::string, std::map<std::string, int64_t>> outcomes;  // strategy -> outcome -> runs
  std::vector<LiveRun> live;
  std::vector<db::RunResultRow> troubled;
  double flops_total = 0, flops_done = 0;
  int64_t total = 0, finished = 0;
  std::optional<ProgressNote> progress;  // of the process that runs it
};

LiveRun live_run(const std::string& folder, const db::RunResultRow& run,
                 const db::AttemptRow& attempt) {
  LiveRun live{run.name, 0, run.steps, 0};
  std::ifstream heartbeat(trainer::heartbeat_file(files_folder(folder) / attempt.folder));
  heartbeat >> live.step >> live.tokens_per_second;
  return live;
}

Status read_status(const std::string& folder) {
  db::RunStore store = read_store(folder);
  Status status;
  status.name = store.sweep_name();
  if (sweep::SweepLock::is_held(folder)) status.holder = sweep::SweepLock::holder(folder);
  if (!status.holder.empty()) status.progress = read_progress(folder);
  std::map<int64_t, db::AttemptRow> open;
  for (const db::AttemptRow& attempt : store.attempts()) {
    if (!attempt.ended_ms) open[attempt.run_id] = attempt;
  }
  for (const db::RunResultRow& run : store.results()) {
    // "Running" is believed only while somebody holds the sweep.
    const bool started = run.outcome == db::Outcome::kStarted,
               running = started && !status.holder.empty();
    ++status.outcomes[run.strategy][started ? running ? "running" : "interrupted"
                                            : std::string(db::name_of(run.outcome))];
    ++status.total;
    status.flops_total += run.flops;
    status.finished += db::is_final(run.outcome);
    if (db::is_final(run.outcome)) status.flops_done += run.flops;
    if (running) status.live.push_back(live_run(folder, run, open.at(run.run_id)));
    const bool untroubled = started || run.outcome == db::Outcome::kDone ||
                            run.outcome == db::Outcome::kPending ||
                            run.outcome == db::Outcome::kStopped;
    if (!untroubled) status.troubled.push_back(run);
  }
  return status;
}

// "30 % of the work, 1 min 40 s so far at 1.2e11 FLOP/s, about 3 min 20 s left"
std::string describe(const ProgressNote& note) {
  std::string out =
      fmt::format("{:.0f} % of the work, {} so far at {} FLOP/s", std::floor(100 * note.share),
                  format_seconds(note.elapsed_seconds), format_flops(note.flops_per_second));
  if (note.remaining_seconds)
    out += fmt::format(", about {} left", format_seconds(*note.remaining_seconds));
  return out;
}

nlohmann::json json_of(const std::optional<ProgressNote>& note) {
  if (!note) return nullptr;
  return {{"share", note->share},
          {"elapsed_seconds", note->elapsed_seconds},
          {"remaining_seconds", note->remaining_seconds ? nlohmann::json(*note->remaining_seconds)
                                                        : nlohmann::json(nullptr)},
          {"flops_per_second", note->flops_per_second}};
}

void print_text(const Status& status) {
  fmt::print("{}: {}/{} runs finished, {:.0f} % of the FLOPs; {}\n\n", status.name, status.finished,
             status.total,
             status.flops_total > 0 ? 100 * status.flops_done / status.flops_total : 0.0,
             status.holder.empty() ? "not running" : "run by " + status.holder);
  if (status.progress) fmt::print("{}\n\n", describe(*status.progress));
  fit::Table table{{"strategy", "outcome", "runs"}, {}, "llr"};
  for (const auto& [strategy, outcomes] : status.outcomes) {
    for (const auto& [outcome, count] : outcomes)
      table.rows.push_back({strategy, outcome, std::to_string(count)});
  }
  fmt::print("{}", fit::render(table, fit::TableFormat::kWideText));
  if (!status.live.empty()) {
    fit::Table live{{"running", "step", "of", "tokens/s"}, {}, "lrrr"};
    for (const LiveRun& run : status.live)
      live.rows.push_back({run.name, std::to_string(run.step), std::to_string(run.steps),
                           fit::short_count(run.tokens_per_second)});
    fmt::print("\n{}", fit::render(live, fit::TableFormat::kWideText));
  }
  for (const db::RunResultRow& run : status.troubled)
    fmt::print("\n{}: {} after {} attempts: {}\n", run.name, db::name_of(run.outcome), run.attempts,
               run.message);
}

nlohmann::json json_of(const Status& status) {
  nlohmann::json live = nlohmann::json::array(), troubled = nlohmann::json::array();
  for (const LiveRun& run : status.live)
    live.push_back({{"name", run.name},
                    {"step", run.step},
                    {"steps", run.steps},
                    {"tokens_per_second", run.tokens_per_second}});
  for (const db::RunResultRow& run : status.troubled)
    troubled.push_back({{"name", run.name},
                        {"outcome", db::name_of(run.outcome)},
                        {"attempts", run.attempts},
                        {"message", run.message}});
  return {{"schema", 1},
          {"name", status.name},
          {"running_as",
           status.holder.empty() ? nlohmann::json(nullptr) : nlohmann::json(status.holder)},
          {"runs", status.total},
          {"finished", status.finished},
          {"flops", status.flops_total},
          {"flops_done", status.flops_done},
          {"progress", json_of(status.progress)},
          {"outcomes", status.outcomes},
          {"running", live},
          {"troubled", troubled}};
}

int run_status(const StatusOptions& options) {
  for (;;) {
    Status status = read_status(options.folder);
    if (options.json) {
      fmt::print("{}\n", json_of(status).dump());
    } else {
      if (options.watch && ::isatty(STDOUT_FILENO)) fmt::print("\x1b[H\x1b[2J");
      print_text(status);
    }
    std::fflush(stdout);
    if (!options.watch || status.holder.empty()) return 0;
    std::this_thread::sleep_for(std::chrono::seconds(2));
  }
}

}  // namespace

void add_status_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command =
      app.add_subcommand("status", "How far a sweep is, what runs now, and what went wrong");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_flag("--watch", options->watch,
                    "Show it again every two seconds while the sweep runs");
  command->add_flag("--json", options->json, "One JSON object (with --watch: one a line)");
  command->callback([options, &exit_code] { exit_code = run_status(*options); });
}

}  // namespace crosslaw::apps

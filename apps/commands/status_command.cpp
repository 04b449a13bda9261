#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "apps/commands/commands.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_folder.h"
#include "apps/study/sweep_status.h"
#include "apps/terminal/progress_file.h"
#include "apps/terminal/quantities.h"
#include "fit/write/table.h"
#include "sweep/schedule/sweep_lock.h"

namespace crosslaw::apps {
namespace {

struct StatusOptions {
  std::string folder;
  bool watch = false;
  bool json = false;
};

// Shown by name; --json has all.
constexpr std::size_t kTroubledShown = 20;

std::vector<sweep::GpuKind> known_gpus() {
  try {
    return sweep::read_gpu_file(file_or_preset("gpus.toml", ".toml"));
  } catch (const std::invalid_argument&) {
    return {};  // without the presets the rest is still worth seeing
  }
}

struct Status {
  SweepStatus sweep;
  std::optional<ProgressNote> progress;  // of the process that runs it
};

Status read_status(const std::string& folder, const std::vector<sweep::GpuKind>& gpus) {
  Status status;
  std::string holder;
  if (sweep::SweepLock::is_held(folder)) holder = sweep::SweepLock::holder(folder);
  status.sweep = sweep_status(folder, holder, gpus, now_ms());
  if (!holder.empty()) status.progress = read_progress(folder);
  // Noted every few seconds; the runs are counted as they are now.
  if (status.progress && status.sweep.finished == status.sweep.total) {
    status.progress->share = 1;
    status.progress->remaining_seconds.reset();
  }
  return status;
}

// Remaining seconds as a range: by the slow and the fast ones of what has finished; a factor of two
// before that is known.
std::pair<double, double> range_of(const SweepStatus& sweep) {
  return {sweep.fast_factor.value_or(0.5), sweep.slow_factor.value_or(2.0)};
}

void print_live(const SweepStatus& sweep) {
  if (sweep.live.empty()) return;
  fit::Table live{
      {"running", "step", "of", "loss", "tokens/s", "time", "MFU", "on"}, {}, "lrrrrrrl"};
  for (const LiveRun& run : sweep.live)
    live.rows.push_back({run.name, std::to_string(run.step), std::to_string(run.steps),
                         run.loss_nats ? fmt::format("{:.4f}", *run.loss_nats) : "-",
                         fit::short_count(run.tokens_per_second), format_seconds(run.seconds),
                         run.utilisation ? fmt::format("{:.0f} %", 100 * *run.utilisation) : "-",
                         run.where});
  fmt::print("\n{}", fit::render(live, fit::TableFormat::kText));
}

void print_text(const Status& status) {
  const SweepStatus& s = status.sweep;
  // One share of the work: that of the process that runs it, else that of the FLOPs.
  const std::string share =
      status.progress ? ""
                      : fmt::format("{:.0f} % of the FLOPs, ",
                                    s.flops_total > 0 ? 100 * s.flops_done / s.flops_total : 0.0);
  fmt::print("{}: {}/{} runs finished, {}{} tokens; {}\n", s.name, s.finished, s.total, share,
             fit::short_count(s.tokens_done),
             s.holder.empty() ? "not running" : "run by " + s.holder);
  if (s.left_alone > 0)
    fmt::print(
        "{} runs go on with nobody to look after them: crosslaw run takes them up again, crosslaw "
        "stop ends them\n",
        s.left_alone);
  if (s.gpu_seconds > 0) fmt::print("{:.4g} GPU-hours so far\n", s.gpu_seconds / 3600);
  if (status.progress) fmt::print("{}\n", describe(*status.progress, range_of(s)));
  fit::Table table{{"strategy", "outcome", "runs"}, {}, "llr"};
  for (const auto& [strategy, outcomes] : s.outcomes) {
    for (const auto& [outcome, count] : outcomes)
      table.rows.push_back({strategy, outcome, std::to_string(count)});
  }
  fmt::print("\n{}", fit::render(table, fit::TableFormat::kWideText));
  print_live(s);
  for (std::size_t i = 0; i < std::min(s.troubled.size(), kTroubledShown); ++i) {
    const db::RunResultRow& run = s.troubled[i];
    fmt::print(
        "\n{}\n",
        fit::wrapped(
            fmt::format("{}: {} after {}: {}", run.name, db::name_of(run.outcome),
                        run.attempts == 1 ? "1 attempt" : fmt::format("{} attempts", run.attempts),
                        run.message),
            fit::kPageColumns, 2));
  }
  if (s.troubled.size() > kTroubledShown)
    fmt::print("\nand {} more; --json has them\n", s.troubled.size() - kTroubledShown);
}

template <typename Value>
nlohmann::json or_null(const std::optional<Value>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json json_of(const std::optional<ProgressNote>& note, const SweepStatus& sweep) {
  if (!note) return nullptr;
  nlohmann::json range = nullptr;
  if (note->remaining_seconds) {
    const auto [fast, slow] = range_of(sweep);
    range = {*note->remaining_seconds * fast, *note->remaining_seconds * slow};
  }
  return {{"share", note->share},
          {"elapsed_seconds", note->elapsed_seconds},
          {"remaining_seconds", or_null(note->remaining_seconds)},
          {"remaining_seconds_range", range},
          {"flops_per_second", note->flops_per_second},
          {"doing", note->doing.empty() ? nlohmann::json(nullptr) : nlohmann::json(note->doing)}};
}

nlohmann::json json_of(const Status& status) {
  const SweepStatus& s = status.sweep;
  nlohmann::json live = nlohmann::json::array(), troubled = nlohmann::json::array();
  for (const LiveRun& run : s.live)
    live.push_back({{"name", run.name},
                    {"step", run.step},
                    {"steps", run.steps},
                    {"loss_nats", or_null(run.loss_nats)},
                    {"tokens_per_second", run.tokens_per_second},
                    {"flops_utilisation", or_null(run.utilisation)},
                    {"seconds", run.seconds},
                    {"where", run.where}});
  for (const db::RunResultRow& run : s.troubled)
    troubled.push_back({{"name", run.name},
                        {"outcome", db::name_of(run.outcome)},
                        {"attempts", run.attempts},
                        {"message", run.message}});
  return {{"schema", 1},
          {"name", s.name},
          {"running_as", s.holder.empty() ? nlohmann::json(nullptr) : nlohmann::json(s.holder)},
          {"runs", s.total},
          {"finished", s.finished},
          {"flops", s.flops_total},
          {"flops_done", s.flops_done},
          {"tokens_done", s.tokens_done},
          {"gpu_hours", s.gpu_seconds / 3600},
          {"cpu_hours", s.cpu_seconds / 3600},
          {"left_alone", s.left_alone},
          {"progress", json_of(status.progress, s)},
          {"outcomes", s.outcomes},
          {"running", live},
          {"troubled", troubled}};
}

int run_status(const StatusOptions& options) {
  const std::vector<sweep::GpuKind> gpus = known_gpus();
  // Only a terminal can be drawn over; elsewhere one picture follows the other.
  const bool redraw = options.watch && ::isatty(STDOUT_FILENO) == 1;
  for (bool again = false;; again = true) {
    Status status = read_status(options.folder, gpus);
    if (options.json) {
      fmt::print("{}\n", json_of(status).dump());
    } else {
      if (redraw) {
        fmt::print("\x1b[H\x1b[2J");
      } else if (again) {
        fmt::print("\n");
      }
      print_text(status);
    }
    std::fflush(stdout);
    if (!options.watch || status.sweep.holder.empty()) return 0;
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

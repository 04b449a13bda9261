// What crosslaw plan prints for people.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/commands/plan_report.h"
#include "apps/terminal/quantities.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kNamesShown = 6;
constexpr std::size_t kLabelColumns = 15;

std::string plan_hours(double seconds) {
  const double hours = seconds / 3600;
  return hours >= 1000 ? fit::short_count(hours) : fmt::format("{:.3g}", hours);
}

std::string plan_dollars(double dollars) {
  return dollars >= 1000 ? "$" + fit::short_count(dollars) : fmt::format("${:.2f}", dollars);
}

std::string start_of(const PlanSheet& sheet, std::size_t index) {
  const sweep::Plan& plan = sheet.plan;
  const sweep::PlannedRun& run = plan.runs[index];
  std::string start = run.parent ? plan.runs[run.parent->run].name : "random weights";
  if (run.parent && run.parent->step != plan.runs[run.parent->run].row.steps)
    start = fmt::format("step {} of {}", run.parent->step, start);
  if (!run.start_model.empty()) start = run.start_model;
  if (run.trunk)
    start = fmt::format("step {} of {}", run.trunk->step, plan.runs[run.trunk->run].name);
  const auto outcome = sheet.outcomes.find(run.name);
  return outcome == sheet.outcomes.end() ? start : fmt::format("{} ({})", start, outcome->second);
}

struct Column {
  std::string header;
  std::string cell;
  bool left = false;
};

// From the left what fits a page; the rest is --wide.
std::vector<Column> columns_of(const PlanSheet& sheet, std::size_t index) {
  const sweep::PlannedRun& run = sheet.plan.runs[index];
  const sweep::RunEstimate& estimate = sheet.estimate.runs[index];
  const bool gpu = sheet.machine.gpu.has_value();
  auto count = [](int64_t value) { return fit::short_count(static_cast<double>(value)); };
  const bool fits = estimate.problem.empty();
  const std::string none = "-";
  std::vector<Column> columns = {
      {"run", run.name, true},
      {"params N", count(run.row.params_budget)},
      {"tokens D", count(run.row.tokens_target + run.row.tokens_source)},
      {"6ND FLOPs", format_flops(run.flops_6nd())},
      {"steps", fmt::format("{}", run.row.steps)},
      {"batch", count(run.recipe.batch_tokens())},
      {"lr", fmt::format("{:.3g}", run.recipe.schedule.peak_learning_rate)}};
  if (gpu) {
    columns.push_back({"GPUs", fits ? fmt::format("{}", estimate.gpus) : "no"});
    columns.push_back({"GPU-h", fits ? plan_hours(estimate.gpu_seconds()) : none});
  }
  columns.push_back({"time", fits ? format_seconds(estimate.seconds()) : none});
  if (sheet.machine.dollars_an_hour > 0)
    columns.push_back(
        {"cost", fits ? plan_dollars(estimate.gpu_seconds() / 3600 * sheet.machine.dollars_an_hour)
                      : none});
  columns.push_back({"memory", format_bytes(estimate.memory_bytes)});
  columns.push_back({"micro-batch", fmt::format("{}", estimate.micro_batch_sequences)});
  if (estimate.utilisation > 0)
    columns.push_back({"MFU", fmt::format("{:.0f} %", 100 * estimate.utilisation)});
  columns.push_back({"exact FLOPs", format_flops(run.row.flops)});
  columns.push_back({"D/N", fmt::format("{:.4g}", run.tokens_per_param)});
  columns.push_back({"embedding", count(run.row.params_embedding)});
  columns.push_back({"head", count(run.row.params_unembedding)});
  columns.push_back({"blocks", count(run.row.params_blocks)});
  columns.push_back({"norms", count(run.row.params_norms)});
  columns.push_back({"disk", format_bytes(run.checkpoint_bytes())});
  columns.push_back({"starts from", start_of(sheet, index), true});
  return columns;
}

std::string table_text(const PlanSheet& sheet, bool wide) {
  fit::Table table;
  for (std::size_t i = 0; i < sheet.plan.runs.size(); ++i) {
    std::vector<std::string> cells;
    for (const Column& column : columns_of(sheet, i)) {
      if (i == 0) {
        table.header.push_back(column.header);
        table.align += column.left ? 'l' : 'r';
      }
      cells.push_back(column.cell);
    }
    table.rows.push_back(std::move(cells));
  }
  return fit::render(table, wide ? fit::TableFormat::kWideText : fit::TableFormat::kText);
}

std::string line_of(const std::string& label, const std::string& text) {
  return fit::wrapped(fmt::format("{:<{}}{}", label, kLabelColumns, text), fit::kPageColumns,
                      kLabelColumns) +
         "\n";
}

// "a, b and 12 more"
std::string some_names(const std::vector<std::string>& names) {
  std::vector<std::string> shown(
      names.begin(),
      names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kNamesShown)));
  std::string text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > shown.size()) text += fmt::format(" and {} more", names.size() - shown.size());
  return text;
}

std::string compute_text(const PlanSheet& sheet) {
  double flops_6nd = 0, exact = 0, to_train = 0, tokens = 0, smallest = 0, largest = 0;
  for (const sweep::PlannedRun& run : sheet.plan.runs) {
    const double flops = run.flops_6nd();
    flops_6nd += flops, exact += run.row.flops, to_train += run.flops_to_train();
    tokens += static_cast<double>(run.row.tokens_target + run.row.tokens_source);
    smallest = smallest == 0 ? flops : std::min(smallest, flops);
    largest = std::max(largest, flops);
  }
  std::string text = line_of("runs", fmt::format("{}, {} tokens", sheet.plan.runs.size(),
                                                 fit::short_count(tokens))) +
                     line_of("FLOPs", fmt::format("{} by 6ND (smallest {}, largest {}), {} exact",
                                                  format_flops(flops_6nd), format_flops(smallest),
                                                  format_flops(largest), format_flops(exact)));
  if (to_train < exact)
    text += line_of(
        "shared trunks",
        fmt::format(
            "{} FLOPs are trained: runs of one trajectory share their steps, which saves "
            "{} {}-hours ({:.0f} %)",
            format_flops(to_train), plan_hours(sheet.estimate.gpu_seconds_saved),
            sheet.machine.gpu ? "GPU" : "slot",
            100 * sheet.estimate.gpu_seconds_saved /
                std::max(1e-300, sheet.estimate.gpu_seconds + sheet.estimate.gpu_seconds_saved)));
  return text;
}

std::string bases_text(const PlanSheet& sheet) {
  if (!sheet.bases) return "";
  double to_train = 0;
  for (const sweep::PlannedRun& run : sheet.plan.runs) to_train += run.flops_to_train();
  const double beyond = sheet.bases->flops_to_train;
  return line_of("base budgets",
                 fmt::format("{} runs, {} FLOPs ({:.0f} %) and {} of checkpoints beyond the plain "
                             "sweep",
                             sheet.bases->runs, format_flops(beyond),
                             100 * beyond / std::max(1.0, to_train - beyond),
                             format_bytes(sheet.bases->checkpoint_bytes)));
}

std::string machine_text(const PlanSheet& sheet) {
  const sweep::Machine& machine = sheet.machine;
  std::string text = fmt::format("{} {}", machine.count,
                                 machine.gpu          ? "x " + machine.gpu->title
                                 : machine.count == 1 ? "CPU slot"
                                                      : "CPU slots");
  if (machine.dollars_an_hour > 0)
    text += fmt::format(" at ${:.2f} an hour each ({})", machine.dollars_an_hour, sheet.price_note);
  return line_of("machine", fmt::format("{}; {}", text, sheet.speed_note));
}

std::string time_text(const PlanSheet& sheet) {
  const sweep::Timetable& timetable = sheet.estimate.timetable;
  const bool gpu = sheet.machine.gpu.has_value();
  std::string text;
  if (gpu) text += line_of("GPU-hours", plan_hours(sheet.estimate.gpu_seconds));
  if (sheet.machine.dollars_an_hour > 0)
    text += line_of("cost", plan_dollars(sheet.estimate.dollars));
  text += line_of("wall time",
                  fmt::format("{}, {} busy {:.0f} % of it", format_seconds(timetable.wall_seconds),
                              gpu ? "GPUs" : "slots", 100 * timetable.busy_share));
  std::vector<std::string> path;
  for (std::size_t run : timetable.critical_path)
    path.push_back(fmt::format("{} ({})", sheet.plan.runs[run].name,
                               format_seconds(sheet.estimate.runs[run].seconds())));
  return text +
         line_of("critical path", fmt::format("{}: {}", format_seconds(timetable.critical_seconds),
                                              fmt::join(path, " -> ")));
}

std::string memory_text(const PlanSheet& sheet) {
  if (!sheet.machine.gpu) return "";
  std::vector<std::string> wide;
  std::map<std::string, std::vector<std::string>> cannot;
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < sheet.plan.runs.size(); ++i) {
    const sweep::RunEstimate& estimate = sheet.estimate.runs[i];
    const std::string& name = sheet.plan.runs[i].name;
    if (!estimate.problem.empty()) {
      cannot[estimate.problem].push_back(name);
    } else if (!sheet.estimate.timetable.runs[i].trained) {
      ++waiting;
    }
    if (estimate.gpus_needed > 1)
      wide.push_back(fmt::format("{} ({})", name, estimate.gpus_needed));
  }
  std::string text = line_of(
      "memory", wide.empty() ? fmt::format("every run that fits needs one GPU")
                             : fmt::format("{} of {} runs need more than one GPU: {}", wide.size(),
                                           sheet.plan.runs.size(), some_names(wide)));
  for (const auto& [problem, names] : cannot)
    text += line_of("cannot train", fmt::format("{}: {}", some_names(names), problem));
  if (waiting > 0)
    text += line_of("", fmt::format("{} runs that start from these cannot train either", waiting));
  return text;
}

std::string needs_text(const PlanSheet& sheet) {
  const sweep::Timetable& timetable = sheet.estimate.timetable;
  std::string text = line_of(
      "disk",
      fmt::format("{} of checkpoints at the peak, resume points included, {} at the end; "
                  "{} free in {}{}",
                  format_bytes(timetable.peak_disk_bytes), format_bytes(timetable.final_disk_bytes),
                  format_bytes(sheet.free_disk_bytes), sheet.files_folder.string(),
                  sheet.free_disk_bytes < timetable.peak_disk_bytes
                      ? ": NOT ENOUGH; --dir or launch.files names another disk"
                      : ""));
  for (const auto& [language, need] : sheet.estimate.text)
    text +=
        line_of("text", fmt::format("{}: {} tokens to train once over{}, {} to validate", language,
                                    fit::short_count(static_cast<double>(need.train_tokens)),
                                    need.by.empty() ? "" : " (" + need.by + ")",
                                    fit::short_count(static_cast<double>(need.valid_tokens))));
  return text;
}

std::string wider_text(const PlanSheet& sheet) {
  if (sheet.wider.size() < 2) return "";
  fit::Table table{{"GPUs a run", "wall time", "critical path", "GPU-hours", "cost"}, {}, "rrrrr"};
  for (const sweep::WiderRuns& row : sheet.wider)
    table.rows.push_back({fmt::format("{}", row.gpus_per_run), format_seconds(row.wall_seconds),
                          format_seconds(row.critical_seconds), plan_hours(row.gpu_seconds),
                          plan_dollars(row.dollars)});
  return "\nwith more GPUs for each run (--gpus-per-run; a run that needs more gets more):\n" +
         fit::render(table, fit::TableFormat::kText);
}

std::string failures_text(const PlanSheet& sheet) {
  if (!sheet.failures) return "";
  const sweep::FailureForecast& f = *sheet.failures;
  if (f.intervals.empty()) return "\nfailures: no run can be trained\n";
  const double total = std::max(1e-300, sheet.estimate.gpu_seconds);
  fit::Table table{
      {"checkpoint every", "lost GPU-h", "by simulation", "90 %", "lost", ""}, {}, "rrrrrl"};
  for (const sweep::IntervalLoss& row : f.intervals) {
    const bool ends = std::isfinite(row.mean_gpu_seconds);
    std::string note;
    if (row.interval_seconds == f.best_interval_seconds) note = "best";
    if (row.interval_seconds == sheet.spec.train.checkpoint_every_seconds) note = "now";
    table.rows.push_back(
        {format_seconds(row.interval_seconds),
         std::isfinite(row.expected_gpu_seconds) ? plan_hours(row.expected_gpu_seconds) : "no end",
         ends ? plan_hours(row.mean_gpu_seconds) : "no end",
         ends ? fmt::format("[{}, {}]", plan_hours(row.low_gpu_seconds),
                            plan_hours(row.high_gpu_seconds))
              : "",
         ends ? fmt::format("{:.2f} %", 100 * row.mean_gpu_seconds / total) : "", note});
  }
  const sweep::FailureOptions& o = sheet.failure_options;
  std::string text = fmt::format(
      "failures at {:.3g} a GPU and day, {:.1f} expected; {} until a run trains again, checkpoints "
      "written at {} a second; {} simulated sweeps:",
      o.failures_a_gpu_day, f.expected_failures, format_seconds(o.restart_seconds),
      format_bytes(o.write_bytes_a_second), o.simulated_sweeps);
  return "\n" + fit::wrapped(text) + "\n" + fit::render(table, fit::TableFormat::kText) +
         fit::wrapped(fmt::format(
             "the largest run, {}, writes a checkpoint in {} and fails once in {}: every {} by "
             "Young's formula (1974), {} by Daly's (2006)",
             sheet.plan.runs[f.largest_run].name, format_seconds(f.largest_checkpoint_seconds),
             format_seconds(f.largest_mean_seconds_between), format_seconds(f.young_seconds),
             format_seconds(f.daly_seconds))) +
         "\n";
}

}  // namespace

std::string plan_text(const PlanSheet& sheet, bool wide) {
  std::string text = table_text(sheet, wide) + "\n" + compute_text(sheet) + bases_text(sheet) +
                     machine_text(sheet) + time_text(sheet) + memory_text(sheet) +
                     needs_text(sheet);
  for (const std::string& warning : sheet.plan.warnings) text += line_of("warning", warning);
  return text + wider_text(sheet) + failures_text(sheet);
}

}  // namespace crosslaw::apps

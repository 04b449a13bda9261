#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "apps/commands/command_line_errors.h"
#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/plan_fits.h"
#include "apps/commands/plan_report.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_folder.h"
#include "db/files/printable.h"
#include "db/files/private_folder.h"
#include "sweep/estimate/calibration.h"
#include "sweep/launch/gpu_lock.h"
#include "sweep/launch/local_launcher.h"
#include "sweep/launch/slots.h"
#include "sweep/plan/text_checks.h"
#include "sweep/schedule/run_speed.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

// What a spec with devices = "gpu" is priced by where nobody names a GPU.
constexpr const char* kUsualGpu = "h100";
// Seconds between checkpoints whose losses are compared, besides the spec's own and the best.
const std::vector<double> kIntervalsShown = {60, 300, 600, 1800, 3600, 7200, 14400};

struct PlanOptions {
  std::string spec;
  std::string folder;
  std::string gpu, gpus_file;
  std::vector<double> gpus;  // empty: as many as there are
  int64_t gpus_per_run = 0;
  double price = -1;
  bool calibrate = false;
  bool failures = false;
  double failures_per_gpu_day = -1, restart_seconds = 300, write_gigabytes_per_second = 1;
  bool json = false, csv = false, wide = false;
  FitsOptions fits;
};

std::map<std::string, std::string> outcomes_by_name(const std::string& folder) {
  std::map<std::string, std::string> outcomes;
  if (folder.empty()) return outcomes;
  for (const db::RunResultRow& row : read_store(folder).results())
    outcomes[row.name] = db::name_of(row.outcome);
  return outcomes;
}

void refuse_nonsense(const PlanOptions& options) {
  auto require = [](bool good, const char* flag, const char* bound) {
    if (!good) throw std::invalid_argument(fmt::format("{}: must be {}", flag, bound));
  };
  const bool one_count = options.gpus.empty() ||
                         (options.gpus.size() == 1 && options.gpus[0] >= 1 &&
                          options.gpus[0] <= 1e7 && options.gpus[0] == std::floor(options.gpus[0]));
  require(options.fits.wanted || one_count, "--gpus",
          "one whole number, at least 1; several go with --fits");
  require(options.gpus_per_run >= 0, "--gpus-per-run", "at least 1");
  require(options.price == -1 || options.price >= 0, "--price-per-gpu-hour", "at least 0");
  require(options.failures_per_gpu_day == -1 || options.failures_per_gpu_day > 0,
          "--failures-per-gpu-day", "positive");
  require(options.restart_seconds >= 0, "--restart-seconds", "at least 0");
  require(options.write_gigabytes_per_second > 0, "--write-gb-per-second", "positive");
  require(!(options.json && options.csv), "--json", "given without --csv");
}

void refuse_idle_plan_flags(const CLI::App& command, const PlanOptions& options) {
  const bool fits = options.fits.wanted,
             failures = options.failures || options.failures_per_gpu_day > 0;
  constexpr const char *kFailures = "--failures",
                       *kPrices = "a plan with prices, and --fits has none";
  refuse_idle_flags(command, {{"--card-gb", fits, "--fits"},
                              {"--restart-seconds", failures, kFailures},
                              {"--write-gb-per-second", failures, kFailures},
                              {"--failures", !fits, kPrices},
                              {"--failures-per-gpu-day", !fits, kPrices},
                              {"--price-per-gpu-hour", !fits, kPrices},
                              {"--gpus-per-run", !fits, kPrices},
                              {"--gpus-file", !fits, kPrices},
                              {"--gpu", !fits, kPrices},
                              {"--calibrate", !fits, kPrices},
                              {"--dir", !fits, kPrices}});
}

// Of a machine without GPUs.
void refuse_idle_gpu_flags(const PlanOptions& options) {
  if (options.gpus_per_run > 0 || !options.gpus_file.empty())
    throw std::invalid_argument(fmt::format(
        "{} has no effect on a CPU; it belongs to --gpu NAME, or launch.devices = \"gpu\"",
        options.gpus_per_run > 0 ? "--gpus-per-run" : "--gpus-file"));
}

// Measured here, on this machine's first GPU or a CPU slot, in a folder that is removed again.
sweep::MeasuredSteps measure(const PlanSheet& sheet, bool gpu) {
  sweep::CalibrationOptions calibration;
  calibration.program = sweep::trainer_program();
  calibration.threads = sheet.spec.launch.threads_per_run;
  calibration.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  if (gpu) {
    const auto uuids = sweep::visible_gpu_uuids();
    if (uuids.empty())
      throw std::invalid_argument(
          "--calibrate: nvidia-smi lists no GPU here; on the machine that has them it measures");
    calibration.gpu_uuid = uuids.front();
  }
  const db::PrivateFolder folder;
  calibration.folder = folder.path();
  return sweep::calibrate(sheet.plan, calibration);
}

sweep::Machine gpu_machine(const PlanOptions& options, const sweep::SweepSpec& spec,
                           PlanSheet& sheet) {
  const fs::path file = options.gpus_file.empty() ? fs::path(file_or_preset("gpus.toml", ".toml"))
                                                  : fs::path(options.gpus_file);
  const auto kinds = sweep::read_gpu_file(file);
  sweep::Machine machine;
  machine.gpu = sweep::gpu_kind(kinds, options.gpu.empty() ? kUsualGpu : options.gpu, file);
  machine.count = options.gpus.empty() ? 1 : static_cast<int64_t>(options.gpus[0]);
  machine.gpus_per_run = options.gpus_per_run;
  // A speed that the spec states is believed before the model of a step.
  if (spec.launch.flops_per_second > 0) machine.slot = sweep::RunSpeed::typical(spec.launch, true);
  machine.dollars_an_hour = machine.gpu->dollars_an_hour;
  sheet.price_note = fmt::format("{}, {}", machine.gpu->price_source, machine.gpu->price_date);
  sheet.speed_note = machine.slot ? "speed by launch.flops_per_second"
                                  : "speed by the step-time model, no measurement";
  return machine;
}

sweep::Machine cpu_machine(const PlanOptions& options, const sweep::SweepSpec& spec,
                           PlanSheet& sheet) {
  sweep::Machine machine;
  sweep::LaunchSpec launch = spec.launch;
  // The slots of the CPU are asked for, also where there are GPUs.
  launch.devices = "cpu";
  machine.count = options.gpus.empty() ? static_cast<int64_t>(sweep::find_slots(launch).size())
                                       : static_cast<int64_t>(options.gpus[0]);
  machine.slot = sweep::RunSpeed::typical(spec.launch, false);
  sheet.speed_note =
      spec.launch.flops_per_second > 0
          ? fmt::format("{:.3g} FLOP/s each, by launch.flops_per_second",
                        spec.launch.flops_per_second)
          : fmt::format("{:.3g} s a token and {:.3g} FLOP/s each, typical; --calibrate measures",
                        machine.slot->a_token, 1 / machine.slot->a_flop);
  return machine;
}

sweep::Machine machine_of(const PlanOptions& options, const sweep::SweepSpec& spec,
                          PlanSheet& sheet) {
  const bool gpu = !options.gpu.empty() || spec.launch.devices == "gpu";
  if (!gpu) refuse_idle_gpu_flags(options);
  sweep::Machine machine =
      gpu ? gpu_machine(options, spec, sheet) : cpu_machine(options, spec, sheet);
  if (options.calibrate) {
    machine.measured = measure(sheet, gpu);
    sheet.speed_note =
        fmt::format("measured here: {:.3g} s a step and {:.3g} FLOP/s",
                    machine.measured->seconds_a_step, 1 / machine.measured->seconds_a_flop);
  }
  // The later one wins: the file of GPUs, the spec, the flag.
  if (spec.launch.dollars_per_hour > 0) {
    machine.dollars_an_hour = spec.launch.dollars_per_hour;
    sheet.price_note = "launch.dollars_per_hour";
  }
  if (options.price >= 0) {
    machine.dollars_an_hour = options.price;
    sheet.price_note = "--price-per-gpu-hour";
  }
  return machine;
}

void look_at_disk(const PlanOptions& options, PlanSheet& sheet) {
  const fs::path folder =
      options.folder.empty() ? fs::path("sweeps") / sheet.spec.name : fs::path(options.folder);
  // The folder itself may not exist yet; it will lie on the disk of what is above it.
  sheet.files_folder = existing_above(files_folder(sheet.spec.launch, folder));
  std::error_code error;
  const fs::space_info space = fs::space(sheet.files_folder, error);
  sheet.free_disk_bytes = error ? 0 : static_cast<double>(space.available);
}

void forecast(const PlanOptions& options, PlanSheet& sheet) {
  if (!options.failures && options.failures_per_gpu_day < 0) return;
  if (options.failures_per_gpu_day > 0)
    sheet.failure_options.failures_a_gpu_day = options.failures_per_gpu_day;
  sheet.failure_options.restart_seconds = options.restart_seconds;
  sheet.failure_options.write_bytes_a_second = options.write_gigabytes_per_second * 1e9;
  std::vector<double> intervals = kIntervalsShown;
  intervals.push_back(sheet.spec.train.checkpoint_every_seconds);
  sheet.failures = sweep::forecast_failures(
      sheet.plan, sheet.estimate.runs, sheet.estimate.timetable, intervals, sheet.failure_options);
}

int run_plan(const PlanOptions& options) {
  refuse_nonsense(options);
  if (options.fits.wanted) require_fits_options(options.fits);
  PlanSheet sheet;
  sheet.spec = sweep::read_spec(file_or_preset(options.spec, ".toml"));
  const auto ladder =
      sweep::read_ladder(sheet.spec.ladder, sheet.spec.vocabulary, sheet.spec.tied_head);
  sheet.plan = sweep::make_plan(sheet.spec, ladder, nullptr);
  if (options.fits.wanted) {
    print_fits(sheet.plan, options.fits);
    return 0;
  }
  sheet.bases = sweep::cost_of_bases(sheet.spec, ladder, sheet.plan);
  if (const std::string missing = sweep::check_texts(sheet.spec); !missing.empty())
    // A price can be had before there is any text.
    fmt::print(stderr, "crosslaw: before it can run: {}\n", db::printable(missing));
  sheet.machine = machine_of(options, sheet.spec, sheet);
  sheet.estimate = sweep::estimate_sweep(sheet.plan, sheet.spec, sheet.machine);
  if (sheet.machine.count > 1)
    sheet.wider = sweep::with_wider_runs(sheet.plan, sheet.spec, sheet.machine);
  look_at_disk(options, sheet);
  forecast(options, sheet);
  sheet.outcomes = outcomes_by_name(options.folder);
  fmt::print("{}", options.json  ? plan_json(sheet).dump() + "\n"
                   : options.csv ? plan_csv(sheet)
                                 : plan_text(sheet, options.wide));
  return 0;
}

}  // namespace

void add_plan_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand(
      "plan",
      "List every run of a spec with its price: FLOPs, GPU-hours, time, cost, memory, disk");
  command->add_option("spec", options->spec, kSpecOrPreset)->required();
  command->add_option("--dir", options->folder,
                      "A sweep's folder: also show each run's outcome there");
  command->add_option("--gpu", options->gpu, "Price it on this GPU: a100, h100, h200, b200");
  add_number_list(*command, "--gpus", options->gpus,
                  "So many of them, or CPU slots; with --fits GPUs of one run, by default 1,8");
  command->add_option("--gpus-per-run", options->gpus_per_run,
                      "GPUs that a run uses (default: as few as hold it)");
  command->add_option("--gpus-file", options->gpus_file,
                      "Peaks, memory and prices of GPUs, instead of sweep/presets/gpus.toml");
  command->add_option("--price-per-gpu-hour", options->price, "Dollars, instead of the file's");
  command->add_flag("--calibrate", options->calibrate,
                    "Measure the speed here, by twenty steps of up to three of its models");
  command->add_flag("--failures", options->failures,
                    "What failures cost by checkpoint interval, at Llama 3's rate");
  command->add_option("--failures-per-gpu-day", options->failures_per_gpu_day,
                      "The same at this rate");
  command->add_option("--restart-seconds", options->restart_seconds,
                      "From a failure until the run trains again (300)");
  command->add_option("--write-gb-per-second", options->write_gigabytes_per_second,
                      "At which a checkpoint is written (1)");
  command->add_flag("--json", options->json, "One JSON object with exact numbers");
  command->add_flag("--csv", options->csv, "A row a run, with exact numbers");
  command->add_flag("--wide", options->wide, "every column, not only what fits a page");
  command->add_flag("--fits", options->fits.wanted,
                    "instead, the sizes that fit GPUs: micro-batch and bytes of each");
  add_number_list(*command, "--card-gb", options->fits.card_gb,
                  "with --fits: memory of a GPU in GB, by default 80,141");
  command->callback([options, command, &exit_code] {
    refuse_idle_plan_flags(*command, *options);
    options->fits.json = options->json, options->fits.csv = options->csv;
    if (!options->gpus.empty()) options->fits.gpus = options->gpus;
    exit_code = run_plan(*options);
  });
}

}  // namespace crosslaw::apps

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <utility>

#include "apps/commands/allocate_output.h"
#include "apps/commands/coeffs_command.h"
#include "apps/commands/commands.h"
#include "apps/commands/launchers.h"
#include "apps/commands/report_command.h"
#include "apps/commands/sweep_opening.h"
#include "apps/commands/sweep_watcher.h"
#include "apps/study/allocation_choices.h"
#include "apps/study/measured_savings.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_answer.h"
#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/interrupts.h"
#include "apps/terminal/progress_file.h"
#include "apps/terminal/progress_line.h"
#include "apps/terminal/sweep_progress.h"
#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "fit/write/table.h"
#include "sweep/launch/exported_jobs.h"
#include "sweep/launch/local_launcher.h"
#include "sweep/plan/plan.h"
#include "sweep/plan/start_models.h"
#include "sweep/plan/text_checks.h"
#include "sweep/schedule/recover.h"
#include "sweep/schedule/scheduler.h"
#include "sweep/schedule/sweep_lock.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr int kInterrupted = 130;

constexpr std::chrono::milliseconds kBetweenProgress{200};

struct RunOptions {
  std::string spec;
  std::string folder;
  bool verbose = false;
  std::string notify;        // a program that is told of the end, of failures and of stalls
  bool yes = false;          // finished runs may be retired
  bool export_jobs = false;  // scripts for a person to submit, instead of launching
};

struct Training {
  const sweep::SweepSpec& spec;
  const sweep::Plan& plan;
  const trainer::Corpus& corpus;
  fs::path folder, files;
  db::RunStore& store;
  ProgressLine& progress;
  SweepWatcher& watcher;
};

sweep::SchedulerHooks hooks_of(const Training& t, const Interrupts& interrupts) {
  sweep::SchedulerHooks hooks;
  hooks.on_progress = [&t](const sweep::Progress& p) {
    t.progress.show(finished_runs(p), [&] { return describe(p); });
    t.watcher.look(p);
  };
  hooks.say = [&t](const std::string& message) { t.progress.say(message); };
  hooks.progress_every = kBetweenProgress;
  hooks.interrupts = [&interrupts] { return interrupts.count(); };
  hooks.requests = [&t] { return sweep::take_requests(t.folder); };
  hooks.now_ms = now_ms;
  return hooks;
}

sweep::Origin origin_here() {
  return {build_text(), db::sha256_of_file(sweep::trainer_program()), sweep::visible_gpus()};
}

sweep::SchedulerOptions scheduler_options(const Training& t) {
  return {t.files,
          host_name(),
          t.spec.launch,
          t.spec.train.checkpoint_every_seconds,
          t.spec.train.checkpoint_time_share,
          t.spec.train.deterministic,
          t.spec.train.source_loss_at_end_only,
          t.spec.train.source_valid_tokens,
          origin_here()};
}

sweep::SweepEnd train_all(const Training& t) {
  refuse_other_queue(t.store, t.spec.launch, t.folder);
  auto launcher =
      make_launcher(t.spec.launch, [&t](const std::string& message) { t.progress.say(message); });
  const Interrupts interrupts;
  sweep::Scheduler scheduler(t.plan, t.corpus, t.store, *launcher, scheduler_options(t),
                             hooks_of(t, interrupts));
  const sweep::SweepEnd end = scheduler.run();
  t.progress.say(describe(scheduler.progress()));
  if (end == sweep::SweepEnd::kFinished) t.watcher.conclude(scheduler.progress());
  return end;
}

// Takes in what exported jobs have left, and writes the scripts of what may start now.
int export_jobs(const Training& t) {
  refuse_other_queue(t.store, t.spec.launch, t.folder);
  sweep::ExportedJobs jobs(queue_options(t.spec.launch), t.spec.launch.backend);
  const Interrupts interrupts;
  sweep::SchedulerHooks hooks = hooks_of(t, interrupts);
  std::size_t before = 0;
  bool settled = false;
  hooks.progress_every = {};
  // A result may let further runs start; when a turn brings nothing new, all is written.
  hooks.on_progress = [&](const sweep::Progress& p) {
    const std::size_t now = jobs.scripts().size() + static_cast<std::size_t>(finished_runs(p));
    settled = std::exchange(before, now) == now;
  };
  hooks.interrupts = [&] { return interrupts.count() + (settled ? 1 : 0); };
  sweep::Scheduler scheduler(t.plan, t.corpus, t.store, jobs, scheduler_options(t), hooks);
  scheduler.run();
  for (const fs::path& script : jobs.scripts()) fmt::print("{}\n", script.string());
  const sweep::Progress p = scheduler.progress();
  t.progress.say(fmt::format(
      "{} of {} runs have ended; {} scripts wait to be submitted. Once they have run, the same "
      "command writes those that follow, and crosslaw run prints what was found",
      finished_runs(p), p.total, jobs.scripts().size()));
  return 0;
}

// What continuing was worth, and the allocation by the fit that answers.
void print_pair(const Observations& observations, const PairFits& pair) {
  fmt::print("\n{}\n", fit::wrapped(headline(
                           pair.pair, summarise(measured_savings(observations, pair.pair)))));
  for (const SweepAllocation& each : sweep_allocations(observations, {pair}, "", false)) {
    fit::AllocationOptions options;
    options.flops = each.budgets;
    options.ladder = each.ladder;
    const fit::AllocationReport report = fit::report_allocation(each.fit.fit, options);
    const bool any = std::any_of(report.strategies.begin(), report.strategies.end(),
                                 [](const fit::Allocation& one) { return !one.rows.empty(); });
    if (!any) continue;
    const std::string heading = fmt::format("compute-optimal allocation, {}, by fit {} ({})",
                                            pair.pair.label(), each.fit.name, each.reason);
    fmt::print("\n{}\n{}", fit::wrapped(heading),
               allocation_tables(report, fit::TableFormat::kText));
  }
}

// The answer, last on the screen: whoever waited for hours reads it there.
void print_answer(const RunOptions& options, const fs::path& folder, const SweepAnswer& answer) {
  if (options.verbose) {
    fmt::print("\n");
    for (const std::string& warning : answer.warnings)
      fmt::print("{}\n", fit::wrapped("warning: " + warning, fit::kPageColumns, 9));
  }
  fmt::print("\n");
  for (const std::string& line : answer_lines(answer)) fmt::print("{}\n", line);
  std::string warned;
  if (!answer.warnings.empty())
    warned = fmt::format("{} warnings{}; ", answer.warnings.size(),
                         options.verbose ? "" : " (--verbose shows them)");
  fmt::print("{}report: {}\n", warned, report_file(folder).string());
}

// Fits what is new, stores it, prints the results, writes the report.
int conclude(const RunOptions& options, const fs::path& folder, db::RunStore& store,
             const std::function<void(const std::string&)>& say) {
  Observations observations(store, ParamsCount::kAll);
  bool current = fits_are_current(store, observations);
  std::vector<PairFits> fits =
      current ? stored_fits(store, observations) : fit_sweep(observations, {}, say);
  if (!current) store_fits(store, observations, fits);
  if (!current || !fs::exists(report_file(folder))) {
    say("writing the report; laws of replay and of base budgets are fitted for it");
    write_report(store, observations, folder, report_file(folder),
                 fmt::format("crosslaw run {}", options.spec));
  }
  if (options.verbose) fmt::print("{}", describe_coefficients(fits));
  for (const PairFits& pair : fits) print_pair(observations, pair);
  int64_t unfinished = 0;
  for (const db::RunResultRow& run : observations.runs()) unfinished += !db::is_final(run.outcome);
  if (unfinished > 0)
    say(fmt::format("{} runs have no result; crosslaw status {} tells why", unfinished,
                    folder.string()));
  print_answer(options, folder, sweep_answer(observations, fits));
  return unfinished > 0 ? 1 : 0;
}

fs::path folder_of(const RunOptions& options, const sweep::SweepSpec& spec) {
  return options.folder.empty() ? fs::path("sweeps") / spec.name : fs::path(options.folder);
}

// The spec with all that decides a run's key; what is wrong with it shows before anything is
// written.
sweep::SweepSpec read_checked_spec(const RunOptions& options) {
  sweep::trainer_program();  // a build without it says so before any text is read
  sweep::SweepSpec spec = sweep::read_spec(file_or_preset(options.spec, ".toml"));
  // Where this very spec is the folder's, its text is there and the plan with it follows at once.
  if (db::read_file(resolved_spec_file(folder_of(options, spec))) != sweep::to_toml(spec))
    sweep::make_plan(spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head),
                     nullptr);
  require_texts(spec);
  resolve_precision(spec);
  return spec;
}

bool is_all_done(const db::RunStore& store) {
  const std::set<db::Outcome> outcomes = store.outcomes();
  return std::all_of(outcomes.begin(), outcomes.end(), db::is_final);
}

void note_spec(const sweep::SweepSpec& spec, const fs::path& folder, db::RunStore& store) {
  const std::string resolved = sweep::to_toml(spec);
  db::publish_file(resolved_spec_file(folder), resolved);
  store.put_sweep(spec.name, resolved, CROSSLAW_VERSION, now_ms());
}

// Makes the store hold the plan's runs, and what their folders know and it does not.
void take_in(const sweep::SweepSpec& spec, const std::vector<db::RunRow>& rows,
             const fs::path& files, const fs::path& folder, db::RunStore& store, const Say& say) {
  note_spec(spec, folder, store);
  const db::SyncCounts counts = store.sync_runs(rows);
  say(fmt::format("{}: {} runs ({} new, {} known, {} retired) in {}", spec.name, rows.size(),
                  counts.added, counts.kept, counts.retired, folder.string()));
  const int64_t found =
      sweep::recover_attempts(store, {files, host_name(), spec.launch.backend, now_ms(), say});
  if (found > 0)
    say(
        fmt::format("{} attempts that the database did not know were taken from the folders of "
                    "their runs",
                    found));
  if (const int64_t other = sweep::discard_other_precision(store, now_ms()))
    say(
        fmt::format("{} attempts of an earlier version were made in bf16 on a GPU; their runs are "
                    "trained again in fp32, as train.precision = \"auto\" means on the CPU",
                    other));
  store.seal_evidence();
}

// Before anything is trained nothing is lost by leaving at once: files appear whole or not at all.
void leave_when_interrupted() {
  // Who ignores it (nohup) means to go on.
  if (std::signal(SIGINT, [](int) { ::_exit(kInterrupted); }) == SIG_IGN)
    std::signal(SIGINT, SIG_IGN);
}

int run_sweep(const RunOptions& options) {
  leave_when_interrupted();
  const sweep::SweepSpec spec = read_checked_spec(options);
  const auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  fs::path folder = folder_of(options, spec);
  sweep::SweepLock lock = take_sweep(folder);
  // One name for it, however it was written: paths in files must not depend on that.
  folder = fs::canonical(folder);
  fs::create_directories(files_folder(spec.launch, folder));
  const fs::path files = fs::canonical(files_folder(spec.launch, folder));
  refuse_links(folder), refuse_links(files);
  forget_progress(folder);
  ProgressLine progress(std::cerr);
  const Say say = [&](const std::string& message) { progress.say(message); };
  db::RunStore store = open_or_renew(folder, say);
  if (!options.yes) refuse_other_sweep(folder, store, spec.name);
  // Of a new sweep at once, for those who look while its text is read; of another one when its
  // user has agreed to the changes.
  if (store.keys().empty()) note_spec(spec, folder, store);
  trainer::Corpus corpus = prepare_text(spec, data_folder(files), say, progress);
  sweep::prepare_start_models(spec, ladder, fs::absolute(data_folder(folder)), corpus, say);
  const sweep::Plan plan = sweep::make_plan(spec, ladder, &corpus);
  std::vector<db::RunRow> rows;
  rows.reserve(plan.runs.size());
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  if (!agree_to_changes(store, rows, options.yes, folder, say)) {
    say("nothing has been changed");
    return 1;
  }
  take_in(spec, rows, files, folder, store, say);
  for (const std::string& warning : plan.warnings) say("warning: " + warning);
  if (!is_all_done(store) && drop_damaged_shards(corpus, say))
    corpus = prepare_text(spec, data_folder(files), say, progress);
  SweepWatcher watcher(folder, options.notify);
  const Training training{spec, plan, corpus, folder, files, store, progress, watcher};
  if (options.export_jobs) return export_jobs(training);
  switch (train_all(training)) {
    case sweep::SweepEnd::kInterrupted:
      say(fmt::format("interrupted; crosslaw run {} --dir {} goes on where it stopped",
                      options.spec, folder.string()));
      return kInterrupted;
    case sweep::SweepEnd::kDetached:
      say(
          fmt::format("left to the queue, where jobs go on; crosslaw run {} --dir {} takes them up "
                      "again, crosslaw stop {} ends them",
                      options.spec, folder.string(), folder.string()));
      return kInterrupted;
    case sweep::SweepEnd::kGivenUp:
      return 1;
    case sweep::SweepEnd::kFinished:
      break;
  }
  const int code = conclude(options, folder, store, say);
  watcher.tell("end", fmt::format("{}: the sweep has ended{}", folder.string(),
                                  code == 0 ? "" : ", not every run with a result"));
  return code;
}

}  // namespace

void add_run_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(
      "run",
      "The whole job: data, training, fit, allocation, report; again: go on where it stopped");
  command->add_option("spec", options->spec, kSpecOrPreset)->required();
  command->add_option("--dir", options->folder, "The sweep's folder (default: sweeps/<name>)");
  command
      ->add_option("--notify", options->notify,
                   "A program that is told of the end, of failed runs and of stalls: PROGRAM EVENT "
                   "SENTENCE")
      ->type_name("PROGRAM");
  command->add_flag("--verbose", options->verbose, "Every coefficient and every warning");
  command->add_flag("--yes", options->yes,
                    "Retire finished runs that the spec no longer asks for without asking");
  command->callback([options, &exit_code] { exit_code = run_sweep(*options); });
}

void add_export_jobs_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  options->export_jobs = true;
  CLI::App* command = app.add_subcommand("export-jobs",
                                         "Scripts of the runs that can start now, for a batch "
                                         "system that crosslaw may not ask; again: "
                                         "take in what they left, and write the next ones");
  command->add_option("spec", options->spec, "The sweep's spec (TOML), or a preset")->required();
  command->add_option("--dir", options->folder, "The sweep's folder (default: sweeps/<name>)");
  command->add_flag("--yes", options->yes,
                    "Retire finished runs that the spec no longer asks for without asking");
  command->callback([options, &exit_code] { exit_code = run_sweep(*options); });
}

}  // namespace crosslaw::apps

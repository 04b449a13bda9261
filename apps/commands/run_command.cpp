#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>

#include "apps/commands/allocate_command.h"
#include "apps/commands/coeffs_command.h"
#include "apps/commands/commands.h"
#include "apps/commands/report_command.h"
#include "apps/commands/sweep_watcher.h"
#include "apps/study/allocation_choices.h"
#include "apps/study/measured_savings.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_answer.h"
#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/progress_line.h"
#include "apps/terminal/sweep_progress.h"
#include "db/files/atomic_file.h"
#include "db/files/file_system.h"
#include "fit/write/table.h"
#include "sweep/launch/local_launcher.h"
#include "sweep/plan/plan.h"
#include "sweep/plan/start_models.h"
#include "sweep/schedule/scheduler.h"
#include "sweep/schedule/sweep_lock.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr int kInterrupted = 130;

struct RunOptions {
  std::string spec;
  std::string folder;
  bool verbose = false;
  std::string notify;  // a program that is told of the end, of failures and of stalls
};

volatile std::sig_atomic_t interrupts = 0;

void count_interrupt(int) { interrupts = interrupts + 1; }

void count_interrupts() {
  struct sigaction action {};
  action.sa_handler = count_interrupt;
  for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

// Exits of trainers are noticed by poll; they need no handler.
sweep::SweepLock take_lock(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw std::invalid_argument(
        fmt::format("{}: cannot be made: {}; choose another folder with --dir", folder.string(),
                    error.message()));
  db::refuse_network_file_system(folder);
  auto lock = sweep::SweepLock::try_take(folder);
  if (!lock)
    throw std::invalid_argument(fmt::format(
        "{}: {} is already running this sweep; watch it with crosslaw status {} --watch",
        folder.string(), sweep::SweepLock::holder(folder), folder.string()));
  return std::move(*lock);
}

sweep::SweepEnd train_all(const sweep::SweepSpec& spec, const sweep::Plan& plan,
                          const trainer::Corpus& corpus, const fs::path& folder,
                          db::RunStore& store, ProgressLine& progress, SweepWatcher& watcher) {
  sweep::LocalLauncher launcher(sweep::trainer_program());
  sweep::SchedulerOptions options{fs::absolute(folder),
                                  host_name(),
                                  boot_id(),
                                  spec.launch,
                                  spec.train.checkpoint_every_seconds,
                                  spec.train.source_loss_at_end_only};
  sweep::SchedulerHooks hooks;
  hooks.on_progress = [&](const sweep::Progress& p) {
    progress.show(finished_runs(p), [&] { return describe(p); });
    watcher.look(p);
  };
  hooks.say = [&](const std::string& message) { progress.say(message); };
  hooks.interrupts = [] { return static_cast<int>(interrupts); };
  hooks.now_ms = now_ms;
  sweep::Scheduler scheduler(plan, corpus, store, launcher, sweep::find_slots(spec.launch), options,
                             hooks);
  sweep::SweepEnd end = scheduler.run();
  progress.say(describe(scheduler.progress()));
  return end;
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
    fmt::print("\ncompute-optimal allocation, {}, by fit {} ({})\n{}", pair.pair.label(),
               each.fit.name, each.reason, allocation_tables(report, fit::TableFormat::kText));
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
    write_report(store, report_file(folder), fmt::format("crosslaw run {}", options.spec));
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

int run_sweep(const RunOptions& options) {
  sweep::trainer_program();  // a build without it says so before any text is read
  sweep::SweepSpec spec = sweep::read_spec(file_or_preset(options.spec, ".toml"));
  auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  sweep::make_plan(spec, ladder,
                   nullptr);  // what is wrong with the spec shows before anything is written
  fs::path folder =
      options.folder.empty() ? fs::path("sweeps") / spec.name : fs::path(options.folder);
  trainer::CorpusOptions texts = sweep::corpus_options(spec, fs::absolute(data_folder(folder)));
  sweep::SweepLock lock = take_lock(folder);
  ProgressLine progress(std::cerr);
  auto say = [&](const std::string& message) { progress.say(message); };
  db::RunStore store = db::RunStore::create(database_file(folder));
  std::string resolved = sweep::to_toml(spec);
  db::publish_file(resolved_spec_file(folder), resolved);
  store.put_sweep(spec.name, resolved, CROSSLAW_VERSION, now_ms());
  trainer::Corpus corpus =
      trainer::prepare_corpus(texts, say, [&](int64_t percent, const std::string& text) {
        progress.show(percent, [&] { return text; });
      });
  if (corpus.vocabulary > spec.vocabulary) {
    throw std::invalid_argument(
        fmt::format("{}: ladder.vocabulary = {} is smaller than the tokenizer's {}", options.spec,
                    spec.vocabulary, corpus.vocabulary));
  }
  sweep::prepare_start_models(spec, ladder, fs::absolute(data_folder(folder)), corpus, say);
  sweep::Plan plan = sweep::make_plan(spec, ladder, &corpus);
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  db::SyncCounts counts = store.sync_runs(rows);
  say(fmt::format("{}: {} runs ({} new, {} known, {} retired) in {}", spec.name, rows.size(),
                  counts.added, counts.kept, counts.retired, folder.string()));
  for (const std::string& warning : plan.warnings) say("warning: " + warning);
  count_interrupts();
  SweepWatcher watcher(folder, options.notify);
  if (train_all(spec, plan, corpus, folder, store, progress, watcher) ==
      sweep::SweepEnd::kInterrupted) {
    say(fmt::format("interrupted; crosslaw run {} --dir {} goes on where it stopped", options.spec,
                    folder.string()));
    return kInterrupted;
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
  command->add_option("spec", options->spec, "The sweep's spec (TOML), or a preset: demo, paper")
      ->required();
  command->add_option("--dir", options->folder, "The sweep's folder (default: sweeps/<name>)");
  command
      ->add_option("--notify", options->notify,
                   "A program that is told of the end, of failed runs and of stalls: PROGRAM EVENT "
                   "SENTENCE")
      ->type_name("PROGRAM");
  command->add_flag("--verbose", options->verbose, "Every coefficient and every warning");
  command->callback([options, &exit_code] { exit_code = run_sweep(*options); });
}

}  // namespace crosslaw::apps

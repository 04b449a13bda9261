#include "apps/commands/design_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>
#include <utility>

#include "apps/commands/command_line_errors.h"
#include "apps/commands/commands.h"
#include "apps/commands/design_report.h"
#include "apps/commands/unread_columns.h"
#include "apps/study/design_points.h"
#include "apps/terminal/progress_line.h"
#include "apps/terminal/quantities.h"
#include "fit/allocate/target.h"
#include "fit/laws/law.h"
#include "fit/laws/law_columns.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

constexpr int kUsualDraws = 400;
constexpr fit::TableFormat kText = fit::TableFormat::kText;
// Printed in arXiv:2407.02118, Table 2; their two decimals make them an example, not a truth.
constexpr const char* kPaper =
    "E=1.55,A=420,alpha=0.40,B=719.5,beta=0.30,B_continued=433.3,beta_continued=0.20,gamma=0.08";

// Measured on the models of 8,000 to 40,000 parameters of preset demo, French, two-stage.
constexpr const char* kDemo =
    "E=1.30917,A=1203.85,alpha=0.956267,B=30.2913,beta=0.317006,B_continued=18.8099,"
    "beta_continued=0.220085,gamma=0.0889202";
constexpr double kLargestVocabulary = 262144;  // of models in use; guessing loses 12.5 nats

// What is taken for true, and where it comes from.
struct Assumed {
  fit::FitResult fit;
  std::string source;
  fit::LossNoise noise;
  Dataset data;  // the points of a file; empty: there is none
};

PlannedPoints planned(const DesignOptions& options, const Assumed& assumed) {
  if (!options.spec.empty()) return points_of_spec(options.spec, options.language);
  if (!options.file.path.empty()) {
    PlannedPoints out;
    out.points = assumed.data.data.points;
    out.runs = out.points.size();
    for (const fit::Point& each : out.points) out.flops += fit::training_flops(each);
    out.what = fmt::format("{}, trained again: {} losses", assumed.data.source, out.points.size());
    return out;
  }
  std::vector<double> params;
  for (const fit::LadderSize& size : read_ladder(options.ladder)) params.push_back(size.params);
  return points_of_grid(params, options.tokens_per_param, !assumed.fit.law->parts.empty());
}

Assumed assumed_law(const DesignOptions& options) {
  Assumed out;
  const bool data = !options.file.path.empty();
  if (data) {
    FittingOptions without_intervals = options.fitting;
    without_intervals.draws = 0;
    SourcedFit fitted = fit_file(without_intervals, options.file);
    out.fit = std::move(fitted.fit);
    out.data = std::move(fitted.data);
    out.source = "the fit of " + out.data.source;
    out.noise = fit::noise_around(out.data.data.points, out.fit);
  }
  if (!options.given.coefficients.empty()) {
    out.fit = parse_coefficients(options.given.coefficients);
    out.source = "--coefficients";
  } else if (!options.given.file.empty()) {
    out.fit = fit::read_fit(options.given.file);
    out.source = options.given.file;
    if (out.fit.certificate.rms_log_residual > 0) {
      out.noise.point = out.fit.certificate.rms_log_residual;
    }
  } else if (!data) {
    out.fit = parse_coefficients(kPaper);
    out.source = "Table 2 of arXiv:2407.02118 (an example; give --coefficients or --fit)";
  }
  if (data) refuse_unread_columns(out.fit, options.file);
  if (options.noise_percent) out.noise = {*options.noise_percent / 100, 0, false};
  if (options.run_noise_percent) out.noise.run = *options.run_noise_percent / 100;
  return out;
}

double highest_loss(const fit::FitResult& law, const fit::Points& points) {
  double out = 0;
  for (const fit::Point& p : points) {
    out = std::max(out, fit::predicted_loss(*law.law, law.theta, p));
  }
  return out;
}

// No model loses more than guessing at random among its tokens does. Where the example law expects
// that of tiny models, the one that was measured on such models takes its place; a law that the
// user gave is doubted on `log`.
void require_possible_losses(const PlannedPoints& plan, Assumed& assumed, bool example,
                             std::ostream& log) {
  const double vocabulary = plan.vocabulary > 0 ? plan.vocabulary : kLargestVocabulary;
  const double guessing = std::log(vocabulary);
  if (highest_loss(assumed.fit, plan.points) <= guessing) return;
  if (example) {
    assumed.fit = parse_coefficients(kDemo);
    assumed.source =
        "measured on preset demo (an example for models so small; give --coefficients or --fit)";
    if (highest_loss(assumed.fit, plan.points) <= guessing) return;
  }
  const std::string sentence = fmt::format(
      "the law taken for true expects losses up to {:.2f} nats of these runs, where guessing at "
      "random among {:.0f} tokens loses {:.2f}: it is not of such models{}",
      highest_loss(assumed.fit, plan.points), vocabulary, guessing,
      example ? "; give --coefficients or --fit of models of these sizes" : "");
  if (example) throw std::invalid_argument(sentence);
  log << "crosslaw design: " << sentence << "\n";
}

double largest_compute(const fit::Points& points) { return fit::coverage(points).flops.high; }

// What is left of a simulation, by the time that it took so far.
std::string simulated_so_far(int done, int total, std::chrono::steady_clock::time_point began) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return fmt::format("simulated {} of {} sweeps, {} left", done, total,
                     format_seconds(seconds * (total - done) / done));
}

fit::SimulationOptions simulation_options(const DesignOptions& options, const Assumed& assumed,
                                          const fit::Points& points,
                                          const std::vector<double>& budgets) {
  fit::SimulationOptions out;
  out.compute = assumed.fit.compute.value_or(fit::ComputeModel{});
  const int starts = out.fit.starts;
  out.fit = options.fitting.fit;
  out.fit.starts = std::min(starts, options.fitting.fit.starts);
  out.fit.draws = options.fitting.draws.value_or(kUsualDraws);
  const bool both = fit::has_continued(points);
  if (out.fit.law.empty()) {
    const bool joint = !assumed.fit.law->parts.empty();
    out.fit.law = both ? fit::kTwoStageLaw : (joint ? "chinchilla" : assumed.fit.law->name);
  }
  if (!options.fitting.resampling.empty()) {
    out.fit.resampling = fit::find_resampling(options.fitting.resampling);
  }
  out.noise = assumed.noise;
  out.sweeps = options.sweeps;
  out.flops = budgets;
  out.seed = options.fitting.fit.seed;
  out.threads = options.fitting.fit.threads;
  return out;
}

const char* name_of_law(const fit::LossNoise& noise) {
  return noise.laplace ? "Laplace" : "normal";
}

std::string describe_settings(const fit::SimulationOptions& settings, const Assumed& assumed) {
  return fmt::format(
      "assumed: {}\n         ({})\nnoise:   {:.3g} % of every loss ({}), {:.3g} % shared by the "
      "losses of a run\nfitted:  {}, {} refits, {} resampled\n",
      assumed.fit.law->formula, assumed.source, 100 * settings.noise.point,
      name_of_law(settings.noise), 100 * settings.noise.run, settings.fit.law, settings.fit.draws,
      fit::name_of(settings.fit.resampling));
}

nlohmann::ordered_json outlook_json(const PlannedPoints& plan, const Assumed& assumed,
                                    const fit::SimulationOptions& settings,
                                    const fit::Simulation& found) {
  return {{"schema", 1},
          {"design", plan.what},
          {"runs", plan.runs},
          {"losses", plan.points.size()},
          {"flops", plan.flops},
          {"assumed", fit::to_json(assumed.fit, false)},
          {"source", assumed.source},
          {"noise",
           {{"point", settings.noise.point},
            {"run", settings.noise.run},
            {"law", name_of_law(settings.noise)}}},
          {"fitted",
           {{"law", settings.fit.law},
            {"draws", settings.fit.draws},
            {"resampling", fit::name_of(settings.fit.resampling)}}},
          {"simulation", to_json(found)}};
}

int outlook(const DesignOptions& options, std::ostream& out, std::ostream& log) {
  Assumed assumed = assumed_law(options);
  const PlannedPoints plan = planned(options, assumed);
  const bool example =
      options.file.path.empty() && options.given.coefficients.empty() && options.given.file.empty();
  require_possible_losses(plan, assumed, example, log);
  std::vector<double> budgets = options.flops;
  if (budgets.empty()) budgets = {largest_compute(plan.points)};
  const fit::SimulationOptions settings =
      simulation_options(options, assumed, plan.points, budgets);
  ProgressLine progress(log);
  const auto began = std::chrono::steady_clock::now();
  const fit::Simulation found =
      fit::simulate(plan.points, *assumed.fit.law, assumed.fit.theta, settings, [&](int done) {
        progress.show(done, [&] { return simulated_so_far(done, settings.sweeps, began); });
      });
  if (options.json) {
    out << fit::pretty(outlook_json(plan, assumed, settings, found));
    return 0;
  }
  out << fmt::format("{}, {:.3g} FLOPs\n", plan.what, plan.flops)
      << describe_settings(settings, assumed)
      << (options.file.path.empty() ? "" : fit::convention_note(assumed.data.convention, kText))
      << "\n"
      << fit::render(outlook_table(found), fit::TableFormat::kWideText) << "\n";
  out << fmt::format(
      "{} simulated sweeps; {} of their fits are not identifiable, {} did not converge\n",
      found.sweeps, found.unidentified, found.failed);
  for (const fit::Outlook& each : found.outlooks) {
    if (each.name != fit::kCrossExponent || !each.sign_share) continue;
    out << fmt::format("the sign of gamma is resolved in {:.1f} % of the sweeps\n",
                       100 * *each.sign_share);
  }
  return 0;
}

// The present points and the new ones, without losses.
fit::Points joined(const fit::Points& points, const std::vector<fit::NextRun>& runs) {
  fit::Points out = points;
  for (const fit::NextRun& each : runs) {
    fit::Point point;
    point.params = each.run.params;
    point.tokens = each.run.tokens;
    point.loss = 1;
    point.stage = each.run.stage;
    out.push_back(point);
  }
  return out;
}

// The interval of the target that sweeps of these points give, as a rule; empty where they give
// none.
std::optional<fit::Range> simulated(const DesignOptions& options, const Assumed& assumed,
                                    const fit::Points& points, double target_flops) {
  const fit::SimulationOptions settings =
      simulation_options(options, assumed, points, {target_flops});
  const fit::Simulation found =
      fit::simulate(points, *assumed.fit.law, assumed.fit.theta, settings);
  const fit::Target target = fit::find_target(*assumed.fit.law, options.target);
  for (const fit::Outlook& each : found.outlooks) {
    if (each.target == target) return each.expected;
  }
  return std::nullopt;
}

// What a choice of runs promises, and what simulations say of it.
struct Promise {
  fit::NextRuns next;
  fit::NextRunsOptions asked;
  bool of_budget = true;  // whether the target is
  std::optional<fit::Range> before, after;
};

void print_promise(const Promise& promise, const fit::Convention& convention,
                   const DesignOptions& options, std::ostream& out) {
  const fit::NextRuns& next = promise.next;
  if (options.json) {
    nlohmann::ordered_json json = {{"schema", 1},
                                   {"target_flops", promise.asked.target_flops},
                                   {"budget_flops", promise.asked.budget_flops}};
    json.update(to_json(next));
    json["simulated_ci95_now"] = fit::range_or_null(promise.before);
    json["simulated_ci95_after"] = fit::range_or_null(promise.after);
    out << fit::pretty(json);
    return;
  }
  out << fit::convention_note(convention, kText) << "\n"
      << fit::render(next_runs_table(next), fit::TableFormat::kWideText) << "\n";
  out << fmt::format("{} runs, {:.3g} of {:.3g} FLOPs\n", next.runs.size(), next.spent_flops,
                     promise.asked.budget_flops);
  const std::string where =
      promise.of_budget ? fmt::format(" at C = {:.3g}", promise.asked.target_flops) : "";
  out << fmt::format("{}{}: {:.5g}, 95 % {} now, {} with these runs\n", next.target, where,
                     next.value.value_or(std::nan("")), describe_error(next, next.se_now),
                     describe_error(next, next.se_after));
  if (!promise.before && !promise.after) return;
  const auto interval = [](const std::optional<fit::Range>& range) {
    return range ? describe_interval(*range) : "none";
  };
  out << fmt::format("simulated: {} now, {} with them (medians of {} sweeps)\n",
                     interval(promise.before), interval(promise.after), options.sweeps);
}

int next_runs(const DesignOptions& options, std::ostream& out, std::ostream& log) {
  const Assumed assumed = assumed_law(options);
  const fit::FitResult& fit = assumed.fit;
  const fit::Points& points = assumed.data.data.points;
  for (const std::string& problem : fit.problems) log << "crosslaw design: " << problem << "\n";
  if (const std::string given = fit::taken_for_given(*fit.law); !given.empty()) {
    log << fmt::format("crosslaw design: the runs to add are those of {}\n", given);
  }
  std::vector<fit::LadderSize> sizes;
  if (!options.ladder.path.empty()) sizes = read_ladder(options.ladder);
  Promise promise;
  promise.asked.target = options.target;
  promise.of_budget = fit::find_target(*fit.law, options.target).of_budget();
  promise.asked.target_flops =
      options.flops.empty() ? 10 * largest_compute(points) : options.flops[0];
  promise.asked.budget_flops = *options.add_flops;
  promise.asked.most_runs = options.most_runs;
  promise.next = fit::choose_next_runs(
      points, fit,
      candidate_runs(fit::coverage(points), fit.compute.value_or(fit::ComputeModel{}),
                     !fit.law->parts.empty(), sizes, options.tokens_per_param),
      promise.asked);
  if (options.sweeps > 0 && options.fitting.draws != 0) {
    log << fmt::format("simulating {} sweeps without and with the new runs\n", options.sweeps);
    promise.before = simulated(options, assumed, points, promise.asked.target_flops);
    promise.after =
        simulated(options, assumed, joined(points, promise.next.runs), promise.asked.target_flops);
  }
  print_promise(promise, assumed.data.convention, options, out);
  return 0;
}

}  // namespace

int run_design(const DesignOptions& options, std::ostream& out, std::ostream& log) {
  check_design_options(options);
  return options.add_flops ? next_runs(options, out, log) : outlook(options, out, log);
}

void add_design_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "design", "Before training: what a sweep would tell, or which runs to add within a budget");
  auto options = std::make_shared<DesignOptions>();
  add_design_options(*command, *options);
  command->callback([options, command, &exit_code] {
    const bool adds = options->add_flops.has_value();
    refuse_idle_flags(*command, {{"--language", !options->spec.empty(), "a spec"},
                                 {"--vocabulary", !options->ladder.path.empty(), "--ladder"},
                                 {"--most-runs", adds, "--add-flops"},
                                 {"--target", adds, "--add-flops"}});
    require_file_for_flags(options->file);
    exit_code = run_design(*options, std::cout, std::cerr);
  });
}

}  // namespace crosslaw::apps

#include "apps/commands/fit_evidence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "apps/study/holdout_plan.h"
#include "fit/data/outliers.h"
#include "fit/laws/law_columns.h"
#include "fit/write/evidence_table.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kRunsShown = 10;
constexpr int kForecastDraws = 400;  // of each law of a forecast
constexpr double kRoughShare = 0.5;  // of residuals within delta, below which a fit is nearly L1

std::string about_steps(const fit::Influence& result) {
  return fmt::format(
      "{} of {} runs, those that move the fit furthest, are refitted; the others are one Newton "
      "step from the fit (which is off by {:.2g} % for the refitted ones)",
      result.refitted, result.runs.size(), 100 * *result.step_error);
}

// A sentence as wide as a page.
std::string in_lines(const std::string& sentence) {
  return fit::wrapped(sentence, fit::kPageColumns, 2) + "\n";
}

std::string about_forecast(const fit::HeldOutForecast& forecast) {
  std::string out;
  const fit::ForecastScore& score = forecast.score;
  if (score.runs > 0) {
    out += in_lines(fmt::format(
        "forecast: the mean of {}; its 95 % intervals hold {:.0f} of {} and are {:.2g} % wide",
        fmt::join(forecast.laws, " | "), score.inside.back() * score.runs, score.runs,
        100 * score.mean_width));
  }
  if (forecast.unknown > 0) {
    out += in_lines(fmt::format("forecast: {} of the points are not known: {}", forecast.unknown,
                                forecast.reason));
  }
  return out;
}

// Gathers one answer after the other.
class Gatherer {
 public:
  Gatherer(const EvidenceOptions& options, const fit::FitOptions& settings, const Dataset& source,
           const fit::FitResult& fit)
      : options_(options), settings_(settings), source_(source), data_(source.data), fit_(fit) {}

  void add_profiles() {
    const int threads = settings_.threads;
    std::vector<fit::Profile> profiles = fit::profile_coefficients(data_.points, fit_, threads);
    const std::size_t coefficients = profiles.size();
    for (fit::Profile& each : fit::profile_params(data_.points, fit_, flops(), threads)) {
      profiles.push_back(std::move(each));
    }
    out_.text += "\n" +
                 in_lines(
                     "profile intervals: the other coefficients are refitted at each value; "
                     "points taken as independent and equally noisy") +
                 "\n";
    out_.text += fit::render(fit::profile_table(profiles), options_.format);
    if (profiles.size() > coefficients) out_.text += fmt::format("N* is at C = {:.4g}\n", flops());
    for (const fit::Profile& each : profiles) warn_of_better_optimum(each);
    out_.json["profiles"] = fit::to_json(profiles);
    answer(fit::profile_table(profiles), fit::profile_csv(profiles));
  }

  void add_predictions() {
    std::vector<fit::NewRun> runs;
    for (const std::string& each : options_.predict) runs.push_back(parse_run("--predict", each));
    const auto predictions = fit::predict(data_.points, fit_, runs, settings_.seed);
    out_.text += "\npredicted losses: by the law, and of one new run with its scatter\n\n";
    out_.text += fit::render(fit::prediction_table(predictions), options_.format);
    for (const fit::Prediction& each : predictions) {
      for (const std::string& sentence : each.warnings) {
        warn(fmt::format("N = {}, D = {}: {}", fit::short_count(each.run.params),
                         fit::short_count(each.run.tokens), sentence));
      }
    }
    if (fit_.draws.rows() == 0) {
      warn(settings_.draws == 0
               ? "predictions have no intervals with --bootstrap 0"
               : "predictions have no intervals: the fit has none, for the reason given above");
    }
    out_.json["predictions"] = fit::to_json(predictions);
    const std::vector<fit::Forecast> forecasts = add_forecasts(runs);
    answer(fit::with_forecasts(fit::prediction_table(predictions), predictions, forecasts),
           fit::with_forecasts(fit::prediction_csv(predictions), predictions, forecasts));
  }

  void add_holdout() {
    const fit::HoldoutPlan plan = holdout_plan(source_, options_.holdout);
    fit::HoldoutOptions settings;
    settings.fit = settings_;
    settings.laws = options_.laws;
    settings.forecast = true;
    const fit::Holdout result = fit::hold_out(data_.points, plan, settings);
    std::vector<std::string> trained;
    for (const fit::HoldoutSplit& split : plan.splits) {
      trained.push_back(fmt::format("{}", split.train.size()));
    }
    out_.text += "\n" +
                 in_lines(fmt::format(
                     "held-out test: {} ({} points train, {} points of {} runs are predicted)",
                     plan.rule, fmt::join(trained, ", "), result.test_points, result.test_runs)) +
                 "\n";
    out_.text += fit::render(fit::holdout_table(result), options_.format) + "\n";
    out_.text += in_lines(result.verdict);
    out_.text += about_forecast(*result.forecast);
    for (const std::string& note : plan.notes) warn(note);
    for (const fit::SkippedLaw& each : result.skipped) {
      warn(fmt::format("law {} is left out: {}", each.law, each.reason));
    }
    out_.json["holdout"] = fit::to_json(result, data_);
    answer(fit::holdout_table(result), fit::holdout_csv(result));
  }

  void add_influence() {
    const fit::Influence result = fit::influence(data_.points, fit_, flops(), settings_.threads);
    out_.text += fmt::format("\ninfluence: change of the fit when one run is left out, {}\n\n",
                             result.by_params ? fmt::format("N* at C = {:.4g}", flops())
                                              : std::string("there is no N*"));
    out_.text +=
        fit::render(fit::influence_table(result, fit_, data_, kRunsShown), options_.format);
    if (result.step_error) out_.text += in_lines(about_steps(result));
    if (const auto far = fit::far_off(data_.points); !far.empty()) {
      out_.text += "losses far from what N and D let expect: " + lines_of(far) + "\n";
    }
    const double inside = fit_.certificate.quadratic_share;
    if (inside < kRoughShare) {
      out_.text += in_lines(fmt::format(
          "the jackknife is rough here: {:.0f} % of the residuals are within delta, so that a fit "
          "moves by jumps; the bootstrap is not",
          100 * inside));
    }
    if (result.failed > 0) {
      warn(fmt::format("without {} of the runs, one at a time, the fit fails; these have no row",
                       result.failed));
    }
    out_.json["influence"] = fit::to_json(result, fit_, data_);
    answer(fit::influence_table(result, fit_, data_, kRunsShown),
           fit::influence_csv(result, fit_, data_));
  }

  Evidence take() { return std::move(out_); }

 private:
  // The mean of several laws beside the prediction of the one.
  std::vector<fit::Forecast> add_forecasts(const std::vector<fit::NewRun>& runs) {
    if (settings_.draws < fit::kFewestDraws) {
      warn(fmt::format("no forecast beside the prediction: it needs --bootstrap {} or more",
                       fit::kFewestDraws));
      return {};
    }
    if (const std::string more = fit::read_beside_size_and_tokens(*fit_.law); !more.empty()) {
      warn(
          fmt::format("no forecast beside the prediction: its laws know N and D alone, and law {} "
                      "reads more of a run: {}",
                      fit_.law->name, more));
      return {};
    }
    fit::ForecastOptions options{settings_, {}};
    options.fit.draws = std::min(settings_.draws, kForecastDraws);
    const fit::Forecaster forecaster = fit::make_forecaster(data_.points, options);
    std::vector<fit::Forecast> out = fit::forecast(forecaster, runs);
    out_.text += "\nforecast: " + fit::describe(forecaster) + "\n" +
                 fit::render(fit::forecast_table(out), options_.format);
    for (const fit::Forecast& each : out) {
      if (each.loss) continue;
      warn(fmt::format("N = {}, D = {}: the forecast is not known: {}",
                       fit::short_count(each.run.params), fit::short_count(each.run.tokens),
                       each.unknown));
    }
    out_.json["forecaster"] = fit::to_json(forecaster);
    out_.json["forecasts"] = fit::to_json(out);
    return out;
  }

  // "lines 3, 8", the first few of them.
  std::string lines_of(const std::vector<std::size_t>& points) const {
    std::vector<std::size_t> lines;
    for (const std::size_t i : points) {
      if (lines.size() < kRunsShown && i < data_.lines.size()) lines.push_back(data_.lines[i]);
    }
    return fmt::format("line{} {}{}", points.size() > 1 ? "s" : "", fmt::join(lines, ", "),
                       points.size() > lines.size() ? " and others" : "");
  }

  double flops() const { return options_.flops.value_or(fit::coverage(data_.points).flops.high); }

  void answer(fit::Table table, fit::Table csv) {
    out_.table = std::move(table);
    out_.csv = std::move(csv);
  }

  void warn(const std::string& sentence) {
    out_.text += sentence + "\n";
    out_.warnings.push_back(sentence);
  }

  void warn_of_better_optimum(const fit::Profile& profile) {
    const auto least = std::min_element(profile.objective.begin(), profile.objective.end());
    const auto value = std::find(profile.values.begin(), profile.values.end(), profile.value);
    if (value == profile.values.end()) return;
    const double own = profile.objective[static_cast<std::size_t>(value - profile.values.begin())];
    if (*least >= own * (1 - 1e-6)) return;
    warn(
        fmt::format("the profile of {} finds a better fit than the search did: objective {:.6g} at "
                    "{:.6g}",
                    profile.name, *least,
                    profile.values[static_cast<std::size_t>(least - profile.objective.begin())]));
  }

  const EvidenceOptions& options_;
  const fit::FitOptions& settings_;
  const Dataset& source_;
  const fit::DataFile& data_;
  const fit::FitResult& fit_;
  Evidence out_;
};

}  // namespace

fit::NewRun parse_run(const std::string& flag, const std::string& text) {
  const std::size_t colon = text.find(':');
  // 0 stands for what is no number: neither can be one.
  const double params = fit::parse_number(text.substr(0, colon)).value_or(0);
  const double tokens =
      colon == std::string::npos ? 0 : fit::parse_number(text.substr(colon + 1)).value_or(0);
  if (!(params > 0) || !(tokens > 0)) {
    throw std::invalid_argument(
        fmt::format("{}: '{}' is not N:D with two numbers above 0, such as 7B:140B", flag, text));
  }
  require_plausible(flag, params, ModelCount::kParams);
  require_plausible(flag, tokens, ModelCount::kTokens);
  return {params, tokens};
}

void add_evidence_options(CLI::App& command, EvidenceOptions& options) {
  command.option_defaults()->group("What else to ask of the fit");
  command.add_flag("--profile", options.profile,
                   "profile intervals of the coefficients and of N* at --at");
  add_word_list(command, "--predict", options.predict,
                "loss of new runs with intervals, such as 7B:140B,1e10:2e11")
      ->type_name("N:D,...");
  command
      .add_option("--holdout", options.holdout,
                  fmt::format("compare laws by predicting what did not train: {}, or rows with "
                              "COLUMN=VALUE (may be repeated)",
                              fit::kHoldoutRules))
      ->allow_extra_args(false)
      ->type_name("RULE");
  add_word_list(command, "--laws", options.laws, "laws that --holdout compares [all that suit]")
      ->type_name("LAW,...");
  command.add_flag("--influence", options.influence,
                   "leave out one run at a time: change of N* at --at and of the exponents");
  read_as_number(command.add_option(
      "--at", options.flops, "budget C of N* in --profile and --influence [largest measured]"));
  command.option_defaults()->group("Options");
}

void check_evidence_options(const EvidenceOptions& options, bool one_table, bool of_sweep,
                            bool by) {
  const int parts =
      options.profile + options.influence + !options.predict.empty() + !options.holdout.empty();
  if (one_table && parts > 1) {
    throw std::invalid_argument(
        "--csv, --markdown and --latex print one table: ask for one of --profile, --predict, "
        "--holdout, --influence");
  }
  if (!options.laws.empty() && options.holdout.empty()) {
    throw std::invalid_argument("--laws needs --holdout, whose laws it names");
  }
  if (options.flops && !options.profile && !options.influence && !by) {
    throw std::invalid_argument("--at needs --profile or --influence, whose N* it is for");
  }
  if (options.flops && !(*options.flops > 0 && *options.flops < 1e300)) {
    throw std::invalid_argument(
        fmt::format("--at {}: the budget must be a finite number above 0", *options.flops));
  }
  for (const std::string& each : options.predict) parse_run("--predict", each);
  require_plausible("--at", options.flops, ModelCount::kFlops);
  const auto rules = std::count_if(options.holdout.begin(), options.holdout.end(),
                                   [](const auto& each) { return fit::names_holdout_rule(each); });
  if (rules > 0 && options.holdout.size() > 1) {
    throw std::invalid_argument(
        "--holdout takes one rule; only conditions such as run=big may be repeated");
  }
  if (of_sweep && !options.holdout.empty() && rules == 0) {
    throw std::invalid_argument(fmt::format(
        "--holdout {}: of a sweep it must be one of {}; crosslaw export writes its runs to a file "
        "with columns to hold out by",
        options.holdout.front(), fit::kHoldoutRules));
  }
}

Evidence gather_evidence(const EvidenceOptions& options, const fit::FitOptions& settings,
                         const Dataset& data, const fit::FitResult& fit) {
  Gatherer gatherer(options, settings, data, fit);
  if (options.profile) gatherer.add_profiles();
  if (!options.predict.empty()) gatherer.add_predictions();
  if (!options.holdout.empty()) gatherer.add_holdout();
  if (options.influence) gatherer.add_influence();
  return gatherer.take();
}

}  // namespace crosslaw::apps
